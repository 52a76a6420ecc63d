"""What went wrong, in words for the person who runs the service."""


class StartupError(Exception):
    """The process cannot start; it ends with EXIT_CODE."""

    EXIT_CODE = 3


class LoadError(Exception):
    """The model cannot be loaded. The service stays up and says so, for a restart would not mend it."""
