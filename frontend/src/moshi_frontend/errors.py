"""What can go wrong before the service can serve, in words for the person who started it."""


class StartupError(Exception):
    """One line: what is wrong and what to do about it. The process exits with `EXIT_CODE`."""

    EXIT_CODE = 3
