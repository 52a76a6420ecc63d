"""Signals that end the service in an orderly way."""

import os
import signal

TERMINATION = (signal.SIGINT, signal.SIGTERM)


def exit_on_termination() -> None:
    """SIGINT and SIGTERM end the process at once with exit code 0, until the server handles them itself.

    Call it before the imports that take seconds. Process 1 (in a container) gets only signals that it has a handler
    for. The handler raises nothing: an import may drop a SystemExit or turn it into another error. Nothing is lost,
    except telemetry that is not sent yet.
    """
    for number in TERMINATION:
        signal.signal(number, lambda *_: os._exit(0))


def ignore_termination() -> None:
    """A further SIGINT or SIGTERM finds a process that is ending, and does not cut its end short."""
    for number in TERMINATION:
        signal.signal(number, signal.SIG_IGN)


def treat_hangup_as_termination() -> None:
    """A closed terminal (SIGHUP) ends the service as SIGTERM does. Under `nohup` the signal stays ignored."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
