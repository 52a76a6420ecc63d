"""What is pinned: the release (MOSHI_VERSION) and every file of it (UPSTREAM.json)."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from vendoring.errors import Refused

NAME = "moshi"
"""Upstream's name on the package index, of its package, and of the folder that we put it in."""

UNKNOWN = "unknown"
"""The commit of a release whose commit nobody has looked up: archives do not say it."""

VERSION = r"[0-9]+(\.[0-9A-Za-z]+)*"
_PATTERNS = {
    "version": VERSION,
    "commit": rf"[0-9a-f]{{40}}|{UNKNOWN}",
    "archive": r"[0-9A-Za-z._-]+\.(tar\.gz|whl)",
    "sha256": r"[0-9a-f]{64}",
}
_HEADER = "# The one place that says which Moshi this is. Written by tools/update_moshi.sh, not by hand.\n"


def sha256(data: bytes) -> str:
    """The hash in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Release:
    """One upstream release, as its source archive or, where the index has none, as its wheel.

    Raises:
        Refused: a field is not of the form that its name asks for.
    """

    version: str
    commit: str
    archive: str
    sha256: str

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if not isinstance(value, str) or not re.fullmatch(_PATTERNS[key], value):
                raise Refused(f"{key} {value!r} does not look like one ({_PATTERNS[key]}); correct it")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads MOSHI_VERSION.

        Raises:
            Refused: it is missing or is not four `key = "value"` lines.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(f"{path} cannot be read ({error}); restore it from git") from None
        wanted = {field.name for field in fields(cls)}
        if values.keys() != wanted:
            raise Refused(f"{path} must have exactly {', '.join(sorted(wanted))}; restore it from git")
        return cls(**values)

    def text(self) -> str:
        """MOSHI_VERSION: valid TOML that a person, `sed` or Nix reads as well."""
        return _HEADER + "".join(f'{key} = "{value}"\n' for key, value in asdict(self).items())


@dataclass(frozen=True)
class Manifest:
    """A release with everything that is placed of it.

    `files` maps a path relative to third_party/moshi/ to the SHA-256 of what is placed, patches applied; `licences`
    maps a licence file to its SPDX identifier; `patches` maps the names of the patches, in their order, to the SHA-256.
    """

    release: Release
    licences: Mapping[str, str]
    files: Mapping[str, str]
    patches: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads UPSTREAM.json, or a copy of it.

        Raises:
            Refused: it is missing or not of the form that `text` writes.
        """
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(f"{path} is damaged ({error!r}); restore it from git, or else delete it") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Raises:
            ValueError, KeyError, TypeError: it is not of the form that `text` writes.
        """
        values = json.loads(text)
        archive = values["archive"]
        return cls(
            Release(values["version"], values["commit"], archive["name"], archive["sha256"]),
            dict(values["licences"]),
            dict(values["files"]),
            dict(values.get("patches", {})),  # the stamps of earlier checkouts have none
        )

    def text(self) -> str:
        """UPSTREAM.json: the same bytes for the same contents."""
        values = {
            "name": NAME,
            "version": self.release.version,
            "commit": self.release.commit,
            "archive": {"name": self.release.archive, "sha256": self.release.sha256},
            "licences": dict(sorted(self.licences.items())),
            "patches": dict(sorted(self.patches.items())),
            "files": dict(sorted(self.files.items())),
        }
        return json.dumps(values, indent=2) + "\n"

    def check(self, contents: Mapping[str, bytes]) -> None:
        """Compares what is to be placed with what is recorded.

        Raises:
            Refused: a file is different, missing or not recorded.
        """
        found = {path: sha256(data) for path, data in contents.items()}
        for path in sorted(found.keys() | self.files.keys()):
            if found.get(path) != self.files.get(path):
                raise Refused(f"{self.release.archive} and UPSTREAM.json disagree on {path}; restore that from git")
