"""Process 1 of a container has a duty: it reaps children that lost their parent, or they stay as zombies."""

import os
import signal

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def split_off_init() -> None:
    """As process 1, stay as a small parent that reaps and forwards signals; only the child returns from here.

    The service itself then never waits for processes that are not its own, so no status of a subprocess gets lost.
    Call it before any thread begins. Without being process 1 nothing happens.
    """
    if os.getpid() != 1:
        return
    # Blocked before the fork, so that no signal is lost between the fork and the loop.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*FORWARDED, signal.SIGCHLD})
    service = os.fork()
    if service:
        os._exit(_reap_until_it_ends(service))
    os.setpgid(0, 0)  # Ctrl-C at a terminal reaches process 1 alone, which forwards it once
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reap_until_it_ends(service: int) -> int:
    """The exit code of the service; 128 and the signal's number if one killed it, as shells say it."""
    while True:
        # Before the first wait too: no signal tells of a child that ended earlier.
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            if ended[0] == service:
                code = os.waitstatus_to_exitcode(ended[1])
                return code if code >= 0 else 128 - code
        number = signal.sigwait({*FORWARDED, signal.SIGCHLD})
        if number != signal.SIGCHLD:
            os.kill(service, number)
