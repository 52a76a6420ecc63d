"""The files inside a release archive, which is a wheel. They are read in memory.

Of every release since 0.2.6 the package index has a wheel, and pip downloads a wheel without running any of its code.
An archive with one harmful member is refused as a whole: nothing of it deserves trust.
"""

import io
import re
import stat
import zipfile
import zlib

from vendoring import errors
from vendoring.pin import NAME, Refused

MAX_BYTES = 256 * 2**20
"""Limit of an unpacked archive. A release has half a megabyte; more is taken for a decompression bomb."""
_SAFE = re.compile(rf"{NAME}(?:-[\w.]+\.dist-info)?(?:/\w(?:[\w.+-]*[\w+-])?)+/?", re.ASCII)
"""A member's path. The rule describes safe paths, so nobody has to list the unsafe ones: parent folders, `.git`,
backslashes, drives, control characters, look-alikes from other scripts, short names (`GIT~1`), a dot at the end."""
_LICENCE = re.compile(rf"{NAME}-[^/]+\.dist-info/(?:licenses/)?(LICENSE[^/]*)")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)


def read_archive(data: bytes) -> tuple[dict[str, bytes], str]:
    """Reads the package with its licences, and its core metadata.

    Returns:
        contents by path relative to third_party/moshi/, and the metadata.

    Raises:
        Refused: the archive is damaged or truncated, or a member is a link or a device, has an unsafe path, or comes
            twice.
    """
    files: dict[str, bytes] = {}
    metadata = b""
    seen: set[str] = set()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            if sum(member.file_size for member in wheel.infolist()) > MAX_BYTES:
                raise Refused(errors.archive_too_large(MAX_BYTES))
            for member in wheel.infolist():
                path = member.orig_filename
                plain = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
                # zipfile unpacks other kinds than these without a limit.
                plain = plain and member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                # Two names that differ only in case are one file on macOS and Windows.
                if not plain or not _SAFE.fullmatch(path) or path.casefold() in seen:
                    raise Refused(errors.archive_file_name(path))
                seen.add(path.casefold())
                if licence := _LICENCE.fullmatch(path):
                    files[licence[1]] = _content(wheel, member)
                elif path.startswith(f"{NAME}/") and not path.endswith("/"):
                    files[path] = _content(wheel, member)
                elif path.endswith(".dist-info/METADATA"):
                    metadata = _content(wheel, member)
    except _DAMAGE as error:
        raise Refused(errors.archive_damaged(error)) from None
    return files, metadata.decode(errors="replace")


def _content(wheel: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with wheel.open(member) as stream:
        # No more than the declared size is ever unpacked. At the end zipfile compares the checksum.
        return stream.read(member.file_size + 1)
