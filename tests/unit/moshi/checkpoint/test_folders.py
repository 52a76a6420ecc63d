"""The folder of a repository in a hub's cache, as copies and crashes leave it."""

from pathlib import Path

import pytest

from moshi_backend.checkpoint.folders import checkpoint_folder
from moshi_backend.errors import LoadError

COMMIT = "a" * 40


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    (tmp_path / "snapshots" / COMMIT).mkdir(parents=True)
    (tmp_path / "refs").mkdir()
    return tmp_path


@pytest.mark.parametrize("ref", [COMMIT.encode(), COMMIT.encode() + b"\n", b"", b"\xff\xfe\x00"])
def test_the_only_snapshot_is_taken_whatever_the_ref_is_like(cached: Path, ref: bytes) -> None:
    (cached / "refs" / "main").write_bytes(ref)
    assert checkpoint_folder(cached, None) == cached / "snapshots" / COMMIT


@pytest.mark.parametrize("revision", ["other", "../../x", "x" * 5000, "x\0y"])
def test_a_revision_that_is_not_there_is_one_line(cached: Path, revision: str) -> None:
    with pytest.raises(LoadError, match="has no snapshot of MOSHI_REVISION=") as caught:
        checkpoint_folder(cached, revision)
    assert "\n" not in str(caught.value)
