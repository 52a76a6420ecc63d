"""The error that stops a service before it serves."""


class StartupError(Exception):
    """The process cannot start, and exits with `EXIT_CODE`. The message is one line: the fault and the remedy."""

    EXIT_CODE = 3
