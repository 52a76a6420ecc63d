"""Files of the checkout: compare the vendored ones, swap many at once, recover from a swap that was cut short.

A swap takes many renames, and the process may end between any two. So it works in a folder of its own, and that
folder's state says which way to finish:

    .swap/staged   being written, nothing has moved yet             -> drop it
    .swap/ready    complete: what is left in it is still to be moved -> move it
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from vendoring.archive import LICENCE_PREFIX
from vendoring.manifest import NAME, sha256

STAMP = ".placed.json"
"""The manifest of what was placed: tells a local change from files of another release."""

FOLDER = PurePosixPath("third_party", NAME)
_SWAP = FOLDER / ".swap"
_LEAVING = "leaving.json"


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


def swap(
    root: Path,
    placed: Mapping[str, bytes],
    stamp: str,
    tracked: Mapping[str, bytes] | None = None,
    leaving: Iterable[str] = (),
) -> None:
    """Makes the vendored files exactly `placed` and writes `tracked`, or leaves everything as it was.

    Args:
        placed: contents by path relative to third_party/moshi/.
        tracked: contents of other files by path relative to `root`.
        leaving: other files to take away, likewise.

    Raises:
        OSError: the disk did not do it. Everything is as before or as asked. If not even that could be done,
            the next `recover` finishes it.
    """
    area = root / _SWAP
    new = {(FOLDER / name).as_posix(): data for name, data in {**placed, STAMP: stamp.encode()}.items()}
    entries = {path.split("/")[2] for path in new}
    going = [(FOLDER / path.name).as_posix() for path in _entries(root / FOLDER) if path.name not in entries]
    try:
        staged = area / "staged"
        for name, data in {**new, **(tracked or {})}.items():
            _write(staged / "files" / name, data)
        _write(staged / _LEAVING, json.dumps([*going, *leaving]).encode())
        staged.rename(area / "ready")
        recover(root)
    except BaseException:
        recover(root)
        raise


def is_unfinished(root: Path) -> bool:
    """Whether a swap was cut short."""
    return (root / _SWAP).exists()


def recover(root: Path) -> None:
    """Finishes a swap, whoever began it, in the direction that its state says. Without one it does nothing.

    Raises:
        OSError: the disk did not do it; call again.
    """
    area = root / _SWAP
    if (area / "ready" / _LEAVING).exists():
        _finish(root, area)
    if area.exists():
        shutil.rmtree(area)


def _finish(root: Path, area: Path) -> None:
    ready, left = area / "ready", area / "left"
    left.mkdir(exist_ok=True)

    def take_away(path: Path) -> None:
        if path.exists() or path.is_symlink():
            path.rename(left / f"{len(list(left.iterdir()))}")

    for name in json.loads((ready / _LEAVING).read_bytes()):
        take_away(root / name)
    for source in _units(ready / "files"):
        target = root / source.relative_to(ready / "files")
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file replaces a file in one step; anything else has to be out of the way first.
        if source.is_dir() or target.is_dir():
            take_away(target)
        source.replace(target)
    # From here on there is nothing left to do, whatever becomes of the clean-up.
    (ready / _LEAVING).unlink()


def _units(files: Path) -> list[Path]:
    """What a swap moves: the package as one folder, everything else file by file.

    The manifest goes first: what depends on it in the Makefile then runs set-up, which finishes the rest.
    """
    if not files.exists():
        return []
    package = files / FOLDER / NAME
    others = [path for path in files.rglob("*") if path.is_file() and package not in path.parents]
    units = [*others, *([package] if package.exists() else [])]
    return sorted(units, key=lambda path: (path.name != "UPSTREAM.json", path))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _entries(folder: Path) -> list[Path]:
    """The vendored files and folders at the top, the stamp included."""
    if not folder.exists():
        return []
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
