"""The random model, which tests use instead of a trained one, and copies of it to be damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

RANDOM_MODEL = Path(__file__).parents[1] / "fixtures" / "random_model"
"""A checkpoint of random weights, for tests that need constant sound: it never falls silent, and writes a word in about
30 % of the frames. `tests/fixtures/make_random_model` made it."""

CONFIG: dict[str, Any] = json.loads((RANDOM_MODEL / "config.json").read_text())
MIMI: dict[str, Any] = json.loads((RANDOM_MODEL / "mimi.json").read_text())

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22\nsize 15375000000\n"
"""What Git leaves of a large file where Git LFS is not installed."""


def copied(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in RANDOM_MODEL.iterdir():
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
