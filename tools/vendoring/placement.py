"""The vendored files on disk: compare them, swap them, recover from a swap that was cut short.

Only the package and the licence files are looked at or touched; what is tracked beside them stays.

A swap takes several renames, and the machine may stop between any two. So it works in a folder of its own,
and its state says which way to finish:

    .swap/new      being written, nothing has moved yet      -> drop it
    .swap/leaving  the old files are on their way out        -> put them back
    .swap/left     the old files are out, all of them        -> bring the new ones in
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from vendoring.archive import LICENCE_PREFIX
from vendoring.manifest import NAME, sha256

STAMP = ".placed.json"
"""The manifest of what was placed: tells a local change from files of another release."""

_SWAP = ".swap"


class Difference(NamedTuple):
    """A file that is not as recorded; `path` is relative to the folder."""

    kind: Literal["changed", "missing", "extra"]
    path: str


def differences(folder: Path, recorded: Mapping[str, str]) -> list[Difference]:
    """Compares the placed files with their recorded SHA-256, by path. Bytecode caches do not count."""
    found = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    result: list[Difference] = []
    for name in sorted(found.keys() | recorded.keys()):
        path = found.get(name)
        if path is None:
            result.append(Difference("missing", name))
        elif name not in recorded:
            result.append(Difference("extra", name))
        elif path.is_symlink() or sha256(path.read_bytes()) != recorded[name]:
            result.append(Difference("changed", name))
    return result


def place(folder: Path, contents: Mapping[str, bytes], stamp: str) -> None:
    """Makes the vendored files in `folder` exactly `contents`, by relative path, or leaves them as they were.

    Raises:
        OSError: the disk did not do it. The old files stand, or the new ones do. If not even that could be
            done, the next `recover` finishes it.
    """
    swap = folder / _SWAP
    try:
        for name, data in {**contents, STAMP: stamp.encode()}.items():
            path = swap / "new" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        leaving = swap / "leaving"
        leaving.mkdir()
        for path in _entries(folder):
            path.rename(leaving / path.name)
        leaving.rename(swap / "left")
        recover(folder)
    except BaseException:
        recover(folder)
        raise


def recover(folder: Path) -> None:
    """Finishes a swap, whoever began it, in the direction that its state says. Without one it does nothing.

    Raises:
        OSError: the disk did not do it; call again.
    """
    swap = folder / _SWAP
    if (swap / "left").exists():
        _move_all(swap / "new", folder)
    elif (swap / "leaving").exists():
        _move_all(swap / "leaving", folder)
    if swap.exists():
        shutil.rmtree(swap)


def _move_all(source: Path, target: Path) -> None:
    # It may be gone: the clean-up that follows can be cut short as well.
    for path in sorted(source.iterdir()) if source.exists() else ():
        path.rename(target / path.name)


def _entries(folder: Path) -> list[Path]:
    """The vendored files and folders at the top, the stamp included."""
    return [
        path for path in sorted(folder.iterdir()) if path.name in (NAME, STAMP) or path.name.startswith(LICENCE_PREFIX)
    ]


def _files(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir() and not entry.is_symlink():
            for parent, folders, names in os.walk(entry):
                links = [name for name in folders if (Path(parent) / name).is_symlink()]
                folders[:] = [name for name in folders if name != "__pycache__"]
                yield from (Path(parent) / name for name in names + links)
        elif entry.name != STAMP:
            yield entry
