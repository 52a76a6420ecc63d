"""Where a release archive comes from: a local file, the cache, the package index."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from vendoring import index
from vendoring.errors import Refused
from vendoring.manifest import Release, sha256


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/scenario6/vendor`, by default in ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "scenario6" / "vendor"


def obtain(release: Release, archive: Path | None, cache: Path) -> bytes:
    """The release's archive, whose hash is compared wherever it comes from, and which is then in the cache.

    Args:
        archive: use this file and nothing else.

    Raises:
        Refused: it cannot be had, or its SHA-256 is wrong.
    """
    path = cache / f"{release.sha256}.tar.gz"
    cached = _cached(path, release.sha256)
    if archive is None and cached is not None:
        return cached
    data = index.download(release) if archive is None else _read(archive)
    if sha256(data) != release.sha256:
        raise Refused(
            f"{archive or release.archive} has sha256 {sha256(data)}, not {release.sha256}: "
            "truncated, changed or another release; get it again"
        )
    if cached is None:
        _store(path, data)
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}); name the release archive") from None


def _cached(path: Path, expected: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if sha256(data) == expected else None


def _store(path: Path, data: bytes) -> None:
    # Under a name of its own first, so that two runs at once never show each other half an archive.
    partial = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        print(f"vendor_moshi: goes on without the cache ({error})", file=sys.stderr)
