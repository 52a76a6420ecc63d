"""Which Moshi this is, as third_party/moshi's packaging recorded it."""

from importlib import metadata

SOURCE = "Source, "


def version() -> str:
    return metadata.version("moshi")


def commit() -> str:
    """The upstream commit, the last part of the packaging's source link.

    Raises:
        LookupError: another package named moshi is installed.
    """
    for entry in metadata.metadata("moshi").get_all("Project-URL") or ():
        if entry.startswith(SOURCE):
            return str(entry).rpartition("/")[2]
    raise LookupError("the installed package moshi is not third_party/moshi; run `make setup`")
