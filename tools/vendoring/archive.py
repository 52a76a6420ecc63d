"""The files inside a release archive: a source archive, or a wheel where there is no other.

The archive is read in memory and no archive code ever writes to disk. Even so every member must be harmless,
those that we do not use included: an archive with a trap in it is not one to take anything from.
"""

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from vendoring.errors import Refused
from vendoring.manifest import NAME

LICENCE_PREFIX = "LICENSE"
WHEEL = ".whl"
_SOURCE = ".tar.gz"
_SAFE = re.compile(r"\.?\w(?:[\w.+ -]{0,198}[\w+-])?", re.ASCII)
"""One part of a member's path. The rule says which names are safe, so nobody has to list the unsafe ones: control
characters, backslashes, drives, look-alikes from other scripts, short names (`GIT~1`), a dot or space at the end."""
_RESERVED = re.compile(r"\.git|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Safe by its characters, but git's own folder, or a device on Windows."""
MAX_BYTES = 256 * 2**20
"""Of an unpacked archive; a release has half a megabyte. More is taken for a decompression bomb."""


class Upstream(NamedTuple):
    """What is taken of an archive.

    Attributes:
        files: contents by path relative to third_party/moshi/: `moshi/**` and `LICENSE*`.
        metadata: the package's core metadata (PKG-INFO or METADATA), or nothing.
    """

    files: dict[str, bytes]
    metadata: str


def is_vendored(path: str) -> bool:
    """Whether a path, relative to third_party/moshi/, is part of what we place."""
    parts = PurePosixPath(path).parts
    return parts[0] == NAME if len(parts) > 1 else path.startswith(LICENCE_PREFIX)


def read_archive(data: bytes, name: str) -> Upstream:
    """Reads the package, its licences and its metadata.

    Args:
        data: the archive.
        name: its file name, such as `moshi-0.2.13.tar.gz`, which says where in it things are.

    Raises:
        Refused: the archive is damaged or truncated, or a member is a link or a device, has a path that leaves the
            archive's own folder, a name that is not safe on every system, or comes twice.
    """
    files: dict[str, bytes] = {}
    metadata = b""
    seen: set[str] = set()
    wheel = name.endswith(WHEEL)
    top = "" if wheel else name.removesuffix(_SOURCE)
    try:
        for path, content in _wheel(data) if wheel else _tar(data, top):
            # Two names that differ only in case are one file on macOS and Windows.
            if path.casefold() in seen:
                raise Refused(f"the archive has {str(PurePosixPath(top, path))!r} twice; do not use it")
            seen.add(path.casefold())
            place, is_metadata = _place(path, wheel)
            if is_metadata:
                metadata = content
            elif is_vendored(place):
                files[place] = content
        return Upstream(files, metadata.decode())
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError),
        *(OSError, ValueError, OverflowError, NotImplementedError, RuntimeError),
    ) as error:
        raise Refused(f"the archive is damaged or truncated ({error}); get it again") from None


def _place(path: str, wheel: bool) -> tuple[str, bool]:
    """Where a member goes, and whether it is the metadata instead."""
    if not wheel:
        return path, path == "PKG-INFO"
    # A wheel has licences beside its metadata, or in a folder of their own there.
    inside = re.fullmatch(rf"{NAME}-[^/]+\.dist-info/(?:licenses/)?([^/]+)", path)
    if not inside:
        return ("" if path.startswith(LICENCE_PREFIX) else path), False
    return inside[1], inside[1] == "METADATA"


def _tar(data: bytes, top: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(_decompress(data)), mode="r:") as tar:
        for member in tar:
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or member.issparse():
                raise Refused(f"the archive has {member.name!r}, which is neither a file nor a folder; do not use it")
            path = _harmless(member.name)
            if path.parts[:1] != (top,):
                raise _outside(member.name)
            if stream := tar.extractfile(member):
                yield str(path.relative_to(top)), stream.read()


def _wheel(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        if sum(member.file_size for member in wheel.infolist()) > MAX_BYTES:
            raise _too_big()
        for member in wheel.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Refused(
                    f"the archive has {member.filename!r}, which is neither a file nor a folder; do not use it"
                )
            path = _harmless(member.orig_filename)
            if not member.is_dir():
                # Reading to the end compares the checksum; no more comes out than the size that was added up.
                yield str(path), wheel.read(member)


def _decompress(data: bytes) -> bytes:
    # To the end before anything else: gzip's checksum comes last, and tarfile alone would not read that far.
    with gzip.open(io.BytesIO(data)) as stream:
        plain = stream.read(MAX_BYTES + 1)
    if len(plain) > MAX_BYTES:
        raise _too_big()
    return plain


def _harmless(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise _outside(name)
    if not all(_SAFE.fullmatch(part) and not _RESERVED.fullmatch(part) for part in path.parts):
        raise Refused(f"the archive has {name!r}, which is not a safe name for a file; do not use it")
    return path


def _outside(name: str) -> Refused:
    return Refused(f"the archive has {name!r}, a path outside its own folder; do not use it")


def _too_big() -> Refused:
    return Refused(f"the archive unpacks to more than {MAX_BYTES} bytes; do not use it")
