"""Which licences a release may have."""

from collections.abc import Mapping

from vendoring.archive import LICENCE_PREFIX
from vendoring.errors import Refused

ACCEPTED = {"MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy"}
"""SPDX identifier to the words that the text is known by. Another licence is added here once somebody has read it."""


def identify(files: Mapping[str, bytes], declared: str | None, archive: str) -> dict[str, str]:
    """The licence files of a release and the SPDX identifier of each.

    Args:
        files: all that is taken of the archive.
        declared: what the package's metadata says, if anything.

    Raises:
        Refused: a licence was never accepted, or there is no licence or no package.
    """
    licences = {name: _identify(name, data) for name, data in files.items() if name.startswith(LICENCE_PREFIX)}
    if not licences or licences.keys() == files.keys():
        raise Refused(f"{archive} lacks the package or its licence; is it a release?")
    if declared and declared not in ACCEPTED:
        raise Refused(f"{archive} declares the licence {declared!r}, not one of {', '.join(ACCEPTED)}; {_ADVICE}")
    return licences


_ADVICE = "have it looked at, then add it to tools/vendoring/licences.py"


def _identify(name: str, data: bytes) -> str:
    text = " ".join(data.decode(errors="replace").split())
    for identifier, words in ACCEPTED.items():
        if words in text:
            return identifier
    raise Refused(f"{name} is not an accepted licence ({', '.join(ACCEPTED)}); {_ADVICE}")
