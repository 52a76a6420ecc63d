"""The web page of a voice conversation with Moshi, and the way from it to the backend."""

from importlib.metadata import version

__version__ = version("moshi-frontend")
