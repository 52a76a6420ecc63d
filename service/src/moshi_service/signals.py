"""Signals that end the service in an orderly way."""

import signal


def treat_hangup_as_termination() -> None:
    """A closed terminal (SIGHUP) ends the service as SIGTERM does. Under `nohup` the signal stays ignored."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
