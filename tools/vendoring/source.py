"""Where bytes come from whose hash is known: a local file, the cache, the package index.

The cache holds release archives, and what updates replaced, each under its SHA-256.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from vendoring import index
from vendoring.errors import Refused
from vendoring.manifest import Release, sha256


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/scenario6/vendor`, by default in ~/.cache: all checkouts share it."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "scenario6" / "vendor"


def obtain(release: Release, archive: Path | None, cache: Path) -> bytes:
    """The release's archive, whose hash is compared wherever it comes from, and which is then in the cache.

    Args:
        archive: use this file and nothing else.

    Raises:
        Refused: it cannot be had, or its SHA-256 is wrong.
    """
    kept = cached(cache, release.sha256)
    if archive is None and kept is not None:
        return kept
    data = index.download(release) if archive is None else read(archive)
    if sha256(data) != release.sha256:
        raise Refused(
            f"{archive or release.archive} has sha256 {sha256(data)}, not {release.sha256}: "
            "truncated, changed or another release; get it again"
        )
    if kept is None:
        store(cache, data)
    return data


def read(path: Path) -> bytes:
    """
    Raises:
        Refused: there is no such file, or it may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}); name the release archive") from None


def cached(cache: Path, expected: str) -> bytes | None:
    """What the cache has under a SHA-256, unless it is damaged."""
    try:
        data = (cache / expected).read_bytes()
    except OSError:
        return None
    return data if sha256(data) == expected else None


def store(cache: Path, data: bytes) -> None:
    """Keeps `data` under its SHA-256. A cache that cannot be written is no error."""
    path = cache / sha256(data)
    # Under a name of its own first, so that two runs at once never show each other half an archive.
    partial = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        print(f"update_moshi: goes on without the cache ({error})", file=sys.stderr)
