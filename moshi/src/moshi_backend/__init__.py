"""Moshi conversations over WebSockets: many at once, in one batch, on one GPU or CPU."""

from importlib.metadata import version

__version__ = version("moshi-backend")
