"""Folders with a checkpoint: a repository's files, or what a Hugging Face cache has of a repository."""

import re
from pathlib import Path

from moshi_backend.errors import LoadError
from moshi_backend.errors import checkpoints as errors

_REPOSITORY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")

_CACHED = "models--"
"""How a hub's cache calls the folder of a repository."""


def is_folder(model: str) -> bool:
    """Whether `model` names a folder here; otherwise it is a repository.

    Raises:
        LoadError: this process may not look.
    """
    try:
        return Path(model).is_dir()
    except PermissionError as error:
        raise LoadError(errors.file_unreadable(model, error.strerror)) from None
    except (OSError, ValueError):  # too long for a path, or with a null character
        return False


def public_name(model: str) -> str:
    """`model` as clients are told it: a repository id, but never a path, which would tell about this machine.

    Of a folder it is the name; of a folder in a hub's cache (`models--owner--name/snapshots/…`), the repository.
    """
    if _REPOSITORY.fullmatch(model) and not Path(model).exists():
        return model
    folder = Path(model).absolute()
    for part in (folder, *folder.parents):
        if part.name.startswith(_CACHED):
            return part.name.removeprefix(_CACHED).replace("--", "/")
    return folder.name or "model"


def checkpoint_folder(folder: Path, revision: str | None) -> Path:
    """Where the files are: `folder` itself, or, if it is a repository's folder in a cache, the revision's snapshot.

    Raises:
        LoadError: the cache has no such revision, or several and none is named.
    """
    snapshots = folder / "snapshots"
    if not snapshots.is_dir():
        return folder
    there = sorted(path.name for path in snapshots.iterdir() if path.is_dir())
    commit = _commit_in(folder / "refs" / (revision or "main")) or revision
    if commit is None and len(there) == 1:
        commit = there[0]
    if commit in there:
        return snapshots / str(commit)
    raise LoadError(errors.snapshot_missing(folder, revision, ", ".join(there[:3]) or "none"))


def _commit_in(ref: Path) -> str | None:
    """The commit that a branch or tag of a cache stands for; none if its file is missing, empty or damaged."""
    try:
        return ref.read_text().strip()
    except (OSError, ValueError):  # ValueError: no text, or no possible name
        return None


def file_in(folder: Path, name: str) -> Path | None:
    """A file of the checkpoint; none if it is not there.

    Raises:
        LoadError: it is a link to a file that is not there.
    """
    path = folder / name
    if path.is_file():
        return path
    if path.is_symlink():
        raise LoadError(errors.dangling_link(path, path.readlink()))
    return None
