"""The pins before the present one, so that any of them can be had back byte by byte.

A stack: an update puts the pin that it leaves on top, a rollback takes off what is above its target. The contents are
in the cache; what is not there any more is in git, for an update begins with everything committed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vendoring.checkout import HISTORY_FILE, MANIFEST_FILE, PACKAGING_FILE, PATCHES, RELEASE_FILE, SBOM_FILE, Checkout
from vendoring.errors import Refused
from vendoring.manifest import Release, sha256
from vendoring.source import cached, store


@dataclass(frozen=True)
class Lock:
    """A lock that an update made anew; the SHA-256 on either side."""

    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """A pin that was left.

    Attributes:
        files: SHA-256 of everything tracked that made up the pin, by path relative to the root.
        locks: what the update that left it did to locks, by path.
    """

    release: Release
    files: Mapping[str, str]
    locks: Mapping[str, Lock] = field(default_factory=dict)


def read(checkout: Checkout) -> list[Entry]:
    """The oldest first.

    Raises:
        Refused: history.json is damaged.
    """
    path = checkout.root / HISTORY_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [
            Entry(
                Release(**value["release"]),
                dict(value["files"]),
                {name: Lock(**lock) for name, lock in value["locks"].items()},
            )
            for value in values
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path} is damaged ({error!r}); restore it from git") from None


def text(entries: list[Entry]) -> str:
    """history.json: the same bytes for the same contents."""
    return json.dumps([asdict(entry) for entry in entries], indent=2, sort_keys=True) + "\n"


def recorded(checkout: Checkout, version: str) -> Release | None:
    """The release of a version that is or was pinned."""
    releases = [entry.release for entry in read(checkout)] + [checkout.manifest().release]
    return next((release for release in reversed(releases) if release.version == version), None)


def leave(checkout: Checkout, cache: Path, locks: Mapping[str, bytes]) -> Entry:
    """The entry of the committed pin, whose contents are then in the cache.

    Args:
        locks: the locks that the update makes anew.
    """
    listed = checkout.git("ls-tree", "-z", "--name-only", "HEAD", *pin_files(), f"{PATCHES}/").decode()
    files: dict[str, str] = {}
    for name in filter(None, listed.split("\0")):
        data = checkout.git("show", f"HEAD:{name}")
        store(cache, data)
        files[name] = sha256(data)
    changed: dict[str, Lock] = {}
    for name, after in locks.items():
        data = (checkout.root / name).read_bytes()
        store(cache, data)
        changed[name] = Lock(sha256(data), sha256(after))
    return Entry(checkout.manifest().release, files, changed)


def pin_files() -> list[str]:
    """What is tracked of every pin, but for the patches."""
    return [RELEASE_FILE, MANIFEST_FILE, PACKAGING_FILE, SBOM_FILE]


def content(checkout: Checkout, cache: Path, name: str, digest: str) -> bytes:
    """What a recorded file held.

    Raises:
        Refused: neither the cache nor git has it.
    """
    if (kept := cached(cache, digest)) is not None:
        return kept
    for commit in checkout.git("log", "--all", "--format=%H", "--", name).decode().split():
        try:
            data = checkout.git("show", f"{commit}:{name}")
        except Refused:  # the commit that took it away
            continue
        if sha256(data) == digest:
            return data
    raise Refused(f"{name} as it was (sha256 {digest}) is neither in the cache nor in git; git fetch --unshallow")
