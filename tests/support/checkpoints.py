"""Copies of the demo checkpoint, to be damaged."""

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

DEMO = Path(str(resources.files("moshi_backend") / "demo"))
CONFIG: dict[str, Any] = json.loads((DEMO / "config.json").read_text())
MIMI: dict[str, Any] = json.loads((DEMO / "mimi.json").read_text())

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22\nsize 15375000000\n"
"""What Git leaves of a large file where Git LFS is not installed."""


def copied(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in DEMO.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)  # without its mode: where Nix has it, it is read-only
    return folder


def configured(folder: Path, **changes: Any) -> Path:
    """A copy with another config.json; a value of `...` leaves the key out."""
    content = {key: value for key, value in (CONFIG | changes).items() if value is not ...}
    (copied(folder) / "config.json").write_text(json.dumps(content))
    return folder


def in_cache(cache: Path, source: Path, repository: str, commit: str) -> Path:
    """The files of `source` as a hub's client keeps them: a snapshot of links into blobs.

    Returns:
        the repository's folder.
    """
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    for number, file in enumerate(sorted(source.iterdir())):
        blob = folder / "blobs" / f"{number:064x}"
        shutil.copyfile(file, blob)
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    return folder
