"""The files inside a release archive.

The archive is read in memory and no tar code ever writes to disk. Even so every member must be harmless,
those that we do not use included: an archive with a trap in it is not one to take anything from.
"""

import gzip
import io
import tarfile
import zlib
from pathlib import PurePosixPath

from vendoring.errors import Refused
from vendoring.manifest import NAME

LICENCE_PREFIX = "LICENSE"
_FOREIGN = "\\:\0"
MAX_BYTES = 256 * 2**20
"""Of an unpacked archive; a release has half a megabyte. More is taken for a decompression bomb."""


def is_vendored(path: str) -> bool:
    """Whether a path, relative to the archive's top folder, is part of what we place."""
    parts = PurePosixPath(path).parts
    return parts[0] == NAME if len(parts) > 1 else path.startswith(LICENCE_PREFIX)


def package_files(data: bytes, top: str) -> dict[str, bytes]:
    """Reads the package and the licences out of a `.tar.gz` source archive.

    Args:
        data: the archive.
        top: the one folder that everything in it must be in, such as `moshi-0.2.13`.

    Returns:
        Contents by path relative to `top`: `moshi/**` and `LICENSE*`.

    Raises:
        Refused: the archive is damaged or truncated, or a member is a link or a device, has a path
            that leaves `top`, or comes twice.
    """
    contents: dict[str, bytes] = {}
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(_decompress(data)), mode="r:") as tar:
            for member in tar:
                path = _relative(member, top)
                if member.isdir():
                    continue
                # Two names that differ only in case are one file on macOS and Windows.
                if path.casefold() in seen:
                    raise Refused(f"the archive has {member.name!r} twice; do not use it")
                seen.add(path.casefold())
                if is_vendored(path) and (stream := tar.extractfile(member)):
                    contents[path] = stream.read()
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error) as error:
        raise Refused(f"the archive is damaged or truncated ({error}); get it again") from None
    return contents


def _decompress(data: bytes) -> bytes:
    # To the end before anything else: gzip's checksum comes last, and tarfile alone would not read that far.
    with gzip.open(io.BytesIO(data)) as stream:
        plain = stream.read(MAX_BYTES + 1)
    if len(plain) > MAX_BYTES:
        raise Refused(f"the archive unpacks to more than {MAX_BYTES} bytes; do not use it")
    return plain


def _relative(member: tarfile.TarInfo, top: str) -> str:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or member.issparse():
        raise Refused(f"the archive has {member.name!r}, which is neither a file nor a folder; do not use it")
    path = PurePosixPath(member.name)
    # Backslashes and colons are harmless here but would be separators and drives on Windows.
    if path.is_absolute() or ".." in path.parts or {*member.name} & {*_FOREIGN} or path.parts[:1] != (top,):
        raise Refused(f"the archive has {member.name!r}, a path outside {top}/; do not use it")
    return str(path.relative_to(top))
