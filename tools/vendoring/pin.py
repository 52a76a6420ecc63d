"""The pin: the release (MOSHI_VERSION) and every file of it (UPSTREAM.json)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from moshi_service.errors import ProblemError
from vendoring import errors

NAME = "moshi"
"""Upstream's name on the package index, of its package, and of our folder for it."""

FOLDER = f"third_party/{NAME}"
RELEASE_FILE = "MOSHI_VERSION"
MANIFEST_FILE = f"{FOLDER}/UPSTREAM.json"

UNKNOWN = "unknown"
"""The commit of a release whose commit nobody has looked up: archives do not name it."""

_FORMS = {
    "version": r"[0-9]+(\.[0-9A-Za-z]+)*",
    "commit": rf"[0-9a-f]{{40}}|{UNKNOWN}",
    "archive": rf"{NAME}-[0-9A-Za-z._-]+\.whl",
    "sha256": r"[0-9a-f]{64}",
}
_HEADER = "# The one place that says which Moshi this is. Written by tools/update_moshi.sh, not by hand.\n"


class Refused(ProblemError):
    """Nothing was changed. The message is one line: the fault, then the remedy."""


def sha256(data: bytes) -> str:
    """The hash in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Release:
    """One upstream release, as its wheel.

    Raises:
        Refused: a field does not have its form.
    """

    version: str
    commit: str
    archive: str
    sha256: str

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if not isinstance(value, str) or not re.fullmatch(_FORMS[key], value):
                raise Refused(errors.pin_malformed(key, value, _FORMS[key]))

    def text(self) -> str:
        """MOSHI_VERSION: TOML that a person, `sed` and Nix can read."""
        return _HEADER + "".join(f'{key} = "{value}"\n' for key, value in asdict(self).items())


@dataclass(frozen=True)
class Manifest:
    """A release with everything that is placed of it.

    Attributes:
        licences: the SPDX identifier of each licence file.
        patches: the SHA-256 of each patch, by name.
        files: the SHA-256 of each placed file, patches applied, by path relative to third_party/moshi/.
    """

    release: Release
    licences: Mapping[str, str]
    patches: Mapping[str, str]
    files: Mapping[str, str]

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The pin that `text` describes.

        Raises:
            Refused: it does not have the form that `text` writes.
        """
        try:
            values = json.loads(text)
            names = values["version"], values["commit"], values["archive"]["name"], values["archive"]["sha256"]
            return cls(Release(*names), *(dict(values[key]) for key in ("licences", "patches", "files")))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(errors.pin_unreadable(MANIFEST_FILE, repr(error))) from None

    def text(self) -> str:
        """UPSTREAM.json: the same bytes for the same contents."""
        release = self.release
        values = {
            "name": NAME,
            "version": release.version,
            "commit": release.commit,
            "archive": {"name": release.archive, "sha256": release.sha256},
            **{key: dict(sorted(getattr(self, key).items())) for key in ("licences", "patches", "files")},
        }
        return json.dumps(values, indent=2) + "\n"
