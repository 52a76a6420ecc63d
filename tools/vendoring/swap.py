"""Many files of a checkout written and removed at once: all of them or none, even if the process is killed.

The new files wait in a folder of their own. The name of that folder decides the way on from a process that ended:

    .swap/staged   being written; nothing has moved yet   -> drop it
    .swap/ready    complete; the rest is still to move    -> move it
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

AREA = Path("third_party/moshi/.swap")
_GONE = "gone.json"


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes contents by path relative to `folder`."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def swap(root: Path, changes: Mapping[str, bytes | None]) -> None:
    """Writes files by path relative to `root`, and removes those whose contents are None.

    Raises:
        OSError: the disk failed. Everything is as before or as asked; if the disk allows neither, the next `recover`
            finishes it.
    """
    staged = root / AREA / "staged"
    try:
        write_tree(staged / "files", {name: data for name, data in changes.items() if data is not None})
        write_tree(staged, {_GONE: json.dumps([name for name, data in changes.items() if data is None]).encode()})
        staged.rename(root / AREA / "ready")
        recover(root)
    except BaseException:
        recover(root)
        raise


def is_unfinished(root: Path) -> bool:
    """Whether a swap was cut short."""
    return (root / AREA).exists()


def recover(root: Path) -> None:
    """Finishes or drops a swap that was begun. Without one it does nothing.

    Raises:
        OSError: the disk failed; call again.
    """
    ready = root / AREA / "ready"
    if (ready / _GONE).exists():
        for name in json.loads((ready / _GONE).read_bytes()):
            with suppress(FileNotFoundError, NotADirectoryError):
                (root / name).unlink()
        _prune(root / AREA.parent)
        # The manifest goes first: in the Makefile set-up depends on it, and set-up finishes the rest.
        files = [path for path in (ready / "files").rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path.name != "UPSTREAM.json", path)):
            target = root / path.relative_to(ready / "files")
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        (ready / _GONE).unlink()
    if (root / AREA).exists():
        shutil.rmtree(root / AREA)


def _prune(folder: Path) -> None:
    """Removes empty folders, and bytecode, which is of files that were there before."""
    for parent, folders, _ in os.walk(folder, topdown=False):
        for path in (Path(parent, name) for name in folders if AREA.name not in Path(parent, name).parts):
            if path.name == "__pycache__":
                shutil.rmtree(path)
            elif not path.is_symlink() and not any(path.iterdir()):
                path.rmdir()
