"""The pin: the release (MOSHI_VERSION) and every file of it (UPSTREAM.json)."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from moshi_service.errors import ProblemError
from vendoring import errors

NAME = "moshi"
"""Upstream's name on the package index, of its package, and of our folder for it."""

UNKNOWN = "unknown"
"""The commit of a release whose commit nobody has looked up: archives do not name it."""

_PATTERNS = {
    "version": r"[0-9]+(\.[0-9A-Za-z]+)*",
    "commit": rf"[0-9a-f]{{40}}|{UNKNOWN}",
    "archive": r"[0-9A-Za-z._-]+\.(tar\.gz|whl)",
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
    """One upstream release, as its source archive or, where the index has none, as its wheel.

    Raises:
        Refused: a field does not have the form that its name asks for.
    """

    version: str
    commit: str
    archive: str
    sha256: str

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if not isinstance(value, str) or not re.fullmatch(_PATTERNS[key], value):
                raise Refused(errors.pin_malformed(key, value, _PATTERNS[key]))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads MOSHI_VERSION.

        Raises:
            Refused: it is missing or is not four `key = "value"` lines.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(errors.pin_unreadable(path, error)) from None
        wanted = {field.name for field in fields(cls)}
        if values.keys() != wanted:
            raise Refused(errors.pin_fields(path, ", ".join(sorted(wanted))))
        return cls(**values)

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
    def read(cls, path: Path) -> Self:
        """Reads UPSTREAM.json, or a copy of it.

        Raises:
            Refused: it is missing or does not have the form that `text` writes.
        """
        try:
            return cls.parse(path.read_bytes())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(errors.manifest_damaged(path, error)) from None

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """
        Raises:
            ValueError, KeyError, TypeError: it does not have the form that `text` writes.
        """
        values = json.loads(text)
        archive = values["archive"]
        return cls(
            Release(values["version"], values["commit"], archive["name"], archive["sha256"]),
            dict(values["licences"]),
            dict(values.get("patches", {})),  # manifests of earlier checkouts have none
            dict(values["files"]),
        )

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

    def check(self, contents: Mapping[str, bytes]) -> None:
        """Compares the files of a release with the recorded ones.

        Raises:
            Refused: a file is different, missing or not recorded.
        """
        for path in sorted(contents.keys() | self.files.keys()):
            if path not in contents or sha256(contents[path]) != self.files.get(path):
                raise Refused(errors.manifest_differs(self.release.archive, path))
