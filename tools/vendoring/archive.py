"""The files inside a release archive: a source archive, or a wheel where there is no other.

The archive is read in memory. Every member must pass tarfile's data filter, unused ones included: an archive with a
trap in it is not one to take anything from. The filter keeps paths inside the folder; `_SAFE` judges the names.
"""

import gzip
import io
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial

from vendoring import errors
from vendoring.manifest import NAME, Refused

WHEEL = ".whl"
MAX_BYTES = 256 * 2**20
"""Limit of an unpacked archive. A release has half a megabyte; more is taken for a decompression bomb."""
_SAFE = re.compile(r"\.?\w(?:[\w.+ -]{0,198}[\w+-])?", re.ASCII)
"""One part of a member's path. The rule describes safe names, so nobody has to list the unsafe ones: control
characters, backslashes, drives, look-alikes from other scripts, short names (`GIT~1`), a dot or space at the end."""
_RESERVED = re.compile(r"\.git|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Safe by its characters, but git's own folder, or a device on Windows."""
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError),
    *(OSError, ValueError, OverflowError, NotImplementedError, RuntimeError),
)

Member = tuple[tarfile.TarInfo, Callable[[], bytes]]


def is_vendored(path: str) -> bool:
    """Whether a path, relative to third_party/moshi/, is part of the placed files: `moshi/**` and `LICENSE*`."""
    return path.startswith(f"{NAME}/") or (is_licence(path) and "/" not in path)


def is_licence(path: str) -> bool:
    """Whether a path, relative to third_party/moshi/, is that of a licence."""
    return path.startswith("LICENSE")


def read_archive(data: bytes, name: str) -> tuple[dict[str, bytes], str]:
    """Reads the package with its licences, and its core metadata (PKG-INFO or METADATA; may be empty).

    Args:
        data: the archive.
        name: its file name, such as `moshi-0.2.13.tar.gz`. It tells the kind, and the folder inside.

    Returns:
        contents by path relative to third_party/moshi/, and the metadata.

    Raises:
        Refused: the archive is damaged or truncated, or a member is a link or a device, has a path that leaves the
            archive's own folder, a name that is not safe on every system, or comes twice.
    """
    wheel = name.endswith(WHEEL)
    top = "" if wheel else name.removesuffix(".tar.gz") + "/"
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    try:
        for member, read in (_wheel if wheel else _tar)(data):
            path = _harmless(member, top)
            # Two names that differ only in case are one file on macOS and Windows.
            if path.casefold() in seen:
                raise Refused(errors.archive_file_twice(top + path))
            seen.add(path.casefold())
            # A wheel has licences beside its metadata, or in a folder of their own there.
            inside = re.fullmatch(rf"{NAME}-[^/]+\.dist-info/(?:licenses/)?([^/]+)", path)
            if member.isfile() and (inside or not wheel or "/" in path):
                files[inside[1] if wheel and inside else path] = read()
        metadata = files.get("METADATA" if wheel else "PKG-INFO", b"").decode()
    except _DAMAGE as error:
        raise Refused(errors.archive_damaged(error)) from None
    return {path: content for path, content in files.items() if is_vendored(path)}, metadata


def _harmless(member: tarfile.TarInfo, top: str) -> str:
    """The path of a member below the archive's folder."""
    name = member.name
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise Refused(errors.archive_file_special(name))
    try:
        filtered = tarfile.data_filter(member, ".").name
        inside = filtered == posixpath.normpath(name) == name and f"{name}/".startswith(top)
    except tarfile.FilterError:
        inside = False
    if not inside:
        raise Refused(errors.archive_file_outside(name))
    if not all(_SAFE.fullmatch(part) and not _RESERVED.fullmatch(part) for part in name.split("/")):
        raise Refused(errors.archive_file_name(name))
    return f"{name}/".removeprefix(top).rstrip("/")


def _tar(data: bytes) -> Iterator[Member]:
    # To the end before anything else: gzip's checksum comes last, and tarfile alone would not read that far.
    with gzip.open(io.BytesIO(data)) as stream:
        plain = stream.read(MAX_BYTES + 1)
    _limit(len(plain))
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for member in tar:
            yield member, partial(_content, tar, member)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return stream.read() if stream else b""


def _wheel(data: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        _limit(sum(info.file_size for info in wheel.infolist()))
        for info in wheel.infolist():
            member = tarfile.TarInfo(info.orig_filename.rstrip("/"))
            special = stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)
            member.type = tarfile.SYMTYPE if special else tarfile.DIRTYPE if info.is_dir() else tarfile.REGTYPE
            # Reading to the end compares the checksum; no more comes out than the size that was added up.
            yield member, partial(wheel.read, info)


def _limit(size: int) -> None:
    if size > MAX_BYTES:
        raise Refused(errors.archive_too_large(MAX_BYTES))
