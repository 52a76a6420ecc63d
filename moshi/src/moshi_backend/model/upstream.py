"""Which Moshi this is, as third_party/moshi's packaging recorded it."""

from importlib import metadata

SOURCE = "Source, "


def version() -> str:
    """The release."""
    return metadata.version("moshi")


def commit() -> str:
    """The upstream commit, the last part of the packaging's source link; `unknown` where nobody has looked it up.

    Raises:
        LookupError: another package named moshi is installed.
    """
    for entry in metadata.metadata("moshi").get_all("Project-URL") or ():
        if entry.startswith(SOURCE):
            source, _, commit = str(entry).rpartition("/tree/")
            return commit if source else "unknown"
    raise LookupError("the installed package moshi is not third_party/moshi; run `make setup`")
