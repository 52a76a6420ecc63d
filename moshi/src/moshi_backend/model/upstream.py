"""Which Moshi this is, as third_party/moshi's packaging recorded it."""

from importlib import metadata

from moshi_backend.errors import start as errors
from moshi_service.errors import StartupError

SOURCE = "Source, "


def version() -> str:
    """The release."""
    return metadata.version("moshi")


def commit() -> str:
    """The upstream commit, the last part of the packaging's source link; `unknown` where nobody has looked it up.

    Raises:
        StartupError: another package named moshi is installed.
    """
    for entry in metadata.metadata("moshi").get_all("Project-URL") or ():
        if entry.startswith(SOURCE):
            source, _, commit = str(entry).rpartition("/tree/")
            return commit if source else "unknown"
    raise StartupError(errors.foreign_moshi())
