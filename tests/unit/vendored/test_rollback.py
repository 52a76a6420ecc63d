"""rollback: a pin that was left, byte by byte."""

import shutil
from pathlib import Path

import pytest

from support.vendored import FIRST, PATCH, SECOND, commit, contents, git, make_repository, refused, release_archive
from vendoring.checkout import PATCHES, Checkout
from vendoring.cli import main
from vendoring.manifest import sha256
from vendoring.state import status
from vendoring.trial import Trial
from vendoring.update import Update, update


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise AssertionError("asked the index")

    for name in ("download", "find", "versions"):
        monkeypatch.setattr(f"vendoring.source.{name}", absent)


@pytest.fixture
def repository(tmp_path: Path) -> Checkout:
    return make_repository(tmp_path / "repository", {"0001-docs.patch": PATCH})


def to(checkout: Checkout, version: str, locks: dict[str, bytes] | None = None) -> None:
    archive = checkout.root.parent / f"moshi-{version}.tar.gz"
    archive.write_bytes(release_archive(version, SECOND | {"moshi/__init__.py": version.encode()}))
    update(checkout, Update(version, archive), lambda checkout, pin: Trial(locks=locks or {}))


@pytest.mark.parametrize("committed", [False, True])
def test_there_and_back_is_byte_identical(repository: Checkout, cache: Path, committed: bool) -> None:
    before = contents(repository.root)
    to(repository, "2.0")
    assert contents(repository.root) != before
    if committed:
        commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert contents(repository.root) == before
    assert main(["verify", "--from-scratch"], repository) == 0


def test_back_to_any_recorded_version(repository: Checkout, cache: Path) -> None:
    states = {"1.0": contents(repository.root)}
    for version in ("2.0", "3.0", "4.0"):
        to(repository, version)
        commit(repository.root)
        states[version] = contents(repository.root)
    for version in ("3.0", "1.0"):
        assert main(["rollback", version], repository) == 0
        assert contents(repository.root) == states[version]


def test_removed_and_rewritten_patches_come_back(repository: Checkout, cache: Path) -> None:
    before = contents(repository.root)
    (repository.root / f"{PATCHES}0001-docs.patch").write_bytes(PATCH.replace(b"Patched", b"Again"))
    (repository.root / f"{PATCHES}0002-more.patch").write_bytes(
        b"--- /dev/null\n+++ b/moshi/more.py\n@@ -0,0 +1 @@\n+more = 1\n"
    )
    to(repository, "2.0")
    assert main(["rollback"], repository) == 0
    assert contents(repository.root) == before


def test_a_patch_that_was_never_committed_is_kept(
    repository: Checkout, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = PATCH.replace(b"Patched", b"Mine")
    (repository.root / f"{PATCHES}0001-docs.patch").write_bytes(new)
    to(repository, "2.0")
    capsys.readouterr()
    assert main(["rollback"], repository) == 0
    assert f"kept as {cache / sha256(new)}" in capsys.readouterr().out
    assert (cache / sha256(new)).read_bytes() == new


def test_without_the_cache_git_and_the_archive_have_it_all(repository: Checkout, cache: Path, tmp_path: Path) -> None:
    before = contents(repository.root)
    to(repository, "2.0")
    commit(repository.root)
    shutil.rmtree(cache)
    archive = tmp_path / "first.tar.gz"
    archive.write_bytes(release_archive("1.0", FIRST))
    assert main(["rollback", "--archive", str(archive)], repository) == 0
    assert contents(repository.root) == before


def test_neither_cache_nor_git_has_it(
    repository: Checkout, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to(repository, "2.0")
    commit(repository.root)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", repository.root.as_uri(), str(shallow))
    assert main(["sync"], Checkout(shallow)) == 0
    shutil.rmtree(cache)
    capsys.readouterr()
    assert "git fetch --unshallow" in refused(["rollback"], Checkout(shallow), capsys)


def test_another_archive_is_refused(
    repository: Checkout, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to(repository, "2.0")
    capsys.readouterr()
    assert "has sha256" in refused(["rollback", "--archive", str(tmp_path / "moshi-2.0.tar.gz")], repository, capsys)


def test_without_a_version_an_uncommitted_update_is_undone_and_then_the_pin_before_comes(
    repository: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vendoring.source.versions", lambda: ["3.0"])
    to(repository, "2.0")
    commit(repository.root)
    to(repository, "3.0")
    for expected in ("2.0", "1.0"):
        capsys.readouterr()
        assert main(["rollback"], repository) == 0
        assert f"-> {expected}: " in capsys.readouterr().out
        assert main(["verify", "--from-scratch"], repository) == 0
    assert "before    2.0" in "\n".join(status(repository))


def test_without_git_it_says_what_is_missing(repository: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(repository.root / ".git")
    capsys.readouterr()
    assert "is this a checkout?" in refused(["rollback"], repository, capsys)


def test_a_version_that_is_not_recorded(repository: Checkout, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert "nothing to go back to" in refused(["rollback"], repository, capsys)
    to(repository, "2.0")
    assert "moshi 7.0 is not recorded (recorded: 1.0)" in refused(["rollback", "7.0"], repository, capsys)


def test_other_work_is_not_mixed_in(repository: Checkout, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to(repository, "2.0")
    capsys.readouterr()
    (repository.root / "README.md").write_text("mine")
    assert "README.md has changes that are not committed" in refused(["rollback"], repository, capsys)
    git(repository.root, "checkout", "-q", "README.md")
    (repository.folder / "moshi" / "lm.py").write_text("mine")
    assert "local changes" in refused(["rollback"], repository, capsys)


def test_a_lock_that_somebody_made_anew_stays(repository: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    lock = repository.root / "moshi/requirements.lock"
    to(repository, "2.0", {"moshi/requirements.lock": b"by the update\n"})
    commit(repository.root)
    lock.write_bytes(b"torch==2.4.1 by somebody\n")
    assert "requirements.lock has changes that are not committed" in refused(["rollback"], repository, capsys)
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert lock.read_bytes() == b"torch==2.4.1 by somebody\n"


def test_a_lock_that_somebody_made_anew_after_an_update_without_a_commit_is_kept(
    repository: Checkout, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = repository.root / "moshi/requirements.lock"
    old = lock.read_bytes()
    to(repository, "2.0")
    lock.write_bytes(b"by somebody\n")
    assert main(["rollback"], repository) == 0
    assert lock.read_bytes() == old
    assert (
        f"lock was never committed; it is kept as {cache / sha256(b'by somebody' + bytes([10]))}"
        in capsys.readouterr().out
    )


def test_a_lock_that_somebody_made_anew_before_the_update_comes_back(repository: Checkout) -> None:
    lock = repository.root / "moshi/requirements.lock"
    lock.write_bytes(b"torch==2.4.2\n")
    (repository.root / PATCHES / "README.md").write_text("no patch\n")
    commit(repository.root)
    before = contents(repository.root)
    to(repository, "2.0", {"moshi/requirements.lock": b"by the update\n"})
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert lock.read_bytes() == b"torch==2.4.2\n"
    assert contents(repository.root) == before


def test_a_lock_goes_back_over_several_updates(repository: Checkout, cache: Path) -> None:
    lock = repository.root / "moshi/requirements.lock"
    old = lock.read_bytes()
    for version in ("2.0", "3.0"):
        to(repository, version, {"moshi/requirements.lock": version.encode()})
        commit(repository.root)
    assert main(["rollback", "1.0"], repository) == 0
    assert lock.read_bytes() == old
    assert git(repository.root, "diff", "--name-only", "HEAD~2") == ""
