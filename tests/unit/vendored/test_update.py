"""update: another pin in one change, or nothing."""

import io
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from support.vendored import (
    COMMIT,
    FIRST,
    MIT,
    PATCH,
    SECOND,
    commit,
    contents,
    git,
    make_repository,
    placed,
    release_archive,
)
from vendoring import source
from vendoring.checkout import PACKAGING_FILE, PATCHES, SBOM_FILE, Checkout
from vendoring.cli import main
from vendoring.made import current_pin
from vendoring.manifest import UNKNOWN, Refused, sha256
from vendoring.trial import Trial
from vendoring.update import Update, update


@pytest.fixture
def repository(tmp_path: Path) -> Checkout:
    return make_repository(tmp_path / "repository")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "moshi-2.0.tar.gz"
    path.write_bytes(release_archive("2.0", SECOND))
    return path


def run(checkout: Checkout, request: Update, trial: Trial | None = None) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        update(checkout, request, lambda checkout, pin: trial or Trial())
    return said.getvalue().strip()


def refused(checkout: Checkout, request: Update, trial: Trial | None = None) -> str:
    before = contents(checkout.root)
    with pytest.raises(Refused) as refusal:
        run(checkout, request, trial)
    assert contents(checkout.root) == before
    return str(refusal.value)


def test_it_pins_places_and_records(repository: Checkout, second: Path) -> None:
    said = run(repository, Update("2.0", second, commit=COMMIT))
    assert placed(repository) == SECOND
    assert main(["verify"], repository) == 0
    release = repository.manifest().release
    assert (release.version, release.commit, release.sha256) == ("2.0", COMMIT, sha256(second.read_bytes()))
    packaging = tomllib.loads((repository.root / PACKAGING_FILE).read_text())["project"]
    assert packaging["version"] == "2.0"
    assert packaging["dependencies"] == ["torch>=2.2,<3"]
    assert packaging["license-files"] == ["LICENSE", "LICENSE.other"]
    changed = git(repository.root, "status", "--porcelain").split()[1::2]
    assert sorted(changed) == sorted(["MOSHI_VERSION", PACKAGING_FILE, SBOM_FILE, "third_party/moshi/UPSTREAM.json"])
    for word in ("Moshi 1.0 → 2.0", "new | `LICENSE.other`", "LICENSE.other` MIT", "git commit", "2 of 2 used names"):
        assert word in said


def test_the_version_is_the_archives_own(repository: Checkout, second: Path) -> None:
    run(repository, Update(archive=second))
    assert repository.manifest().release.version == "2.0"
    assert repository.manifest().release.commit == UNKNOWN


def test_the_latest_comes_from_the_index(repository: Checkout, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "versions", lambda: ["2.0", "1.0"])
    monkeypatch.setattr(source, "find", lambda version: (f"moshi-{version}.tar.gz", second.read_bytes()))
    run(repository, Update())
    assert placed(repository) == SECOND


def test_what_is_pinned_already_changes_nothing(repository: Checkout) -> None:
    before = contents(repository.root)
    assert run(repository, Update("1.0")) == "moshi 1.0 is what is pinned"
    assert contents(repository.root) == before


def test_what_the_tool_writes_differently_by_now_is_written_again(repository: Checkout) -> None:
    expected = contents(repository.root)
    (repository.root / PACKAGING_FILE).write_text("")
    (repository.root / SBOM_FILE).unlink()
    commit(repository.root)
    assert "written again" in run(repository, Update("1.0"))
    assert contents(repository.root) == expected


# What stops it


@pytest.mark.parametrize("name", ["README.md", "new.txt", "moshi/src/moshi_backend/model.py"])
def test_uncommitted_changes_are_not_mixed_in(repository: Checkout, second: Path, name: str) -> None:
    (repository.root / name).write_text("mine")
    assert f"{name} has changes that are not committed" in refused(repository, Update("2.0", second))


def test_local_changes_of_the_placed_files_are_kept(repository: Checkout, second: Path) -> None:
    (repository.folder / "moshi" / "lm.py").write_text("mine")
    assert "changed moshi/lm.py" in refused(repository, Update("2.0", second))


def test_an_archive_of_another_release_is_refused(repository: Checkout, second: Path) -> None:
    assert "is moshi 2.0, not 3.0" in refused(repository, Update("3.0", second))


def test_another_hash_than_the_caller_gave_is_refused(repository: Checkout, second: Path) -> None:
    assert "not 00" in refused(repository, Update("2.0", second, digest="0" * 64))


def test_a_recorded_version_with_other_contents_is_refused(repository: Checkout, tmp_path: Path) -> None:
    again = tmp_path / "moshi-1.0.tar.gz"
    again.write_bytes(release_archive("1.0", SECOND))
    assert "but 1.0 is recorded with" in refused(repository, Update("1.0", again))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (SECOND | {"LICENSE.new": b"All rights reserved."}, "LICENSE.new is not an accepted licence"),
        ({"LICENSE": MIT}, "lacks the package"),
        ({"moshi/__init__.py": b""}, "or its licence"),
    ],
)
def test_what_must_not_be_vendored_is_refused(
    repository: Checkout, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    archive = tmp_path / "moshi-2.0.tar.gz"
    archive.write_bytes(release_archive("2.0", files))
    assert reason in refused(repository, Update("2.0", archive, accept=True))


def test_a_declared_licence_that_was_never_accepted_is_refused(
    repository: Checkout, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vendoring.made.declared_licence", lambda metadata: "BUSL-1.1")
    assert "declares the licence 'BUSL-1.1'" in refused(repository, Update("2.0", second, accept=True))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (b"class Model:\n    pass\n", "moshi.lm.Model.width"),
        (b"class Other:\n    pass\n", "moshi.lm.Model"),
        (b"class Model:\n    def __init__(self, width: int):\n        self.width = width\n", "moshi.lm.Model"),
    ],
    ids=["attribute gone", "class gone", "signature changed"],
)
def test_a_used_name_that_is_not_as_before_stops_it_unless_accepted(
    repository: Checkout, tmp_path: Path, model: bytes, name: str
) -> None:
    archive = tmp_path / "moshi-2.0.tar.gz"
    archive.write_bytes(release_archive("2.0", SECOND | {"moshi/lm.py": model}))
    reason = refused(repository, Update("2.0", archive))
    assert "API" in reason
    assert name in reason
    run(repository, Update("2.0", archive, accept=True))
    assert repository.manifest().release.version == "2.0"


def test_a_trial_that_finds_something_stops_it_unless_accepted(repository: Checkout, second: Path) -> None:
    trial = Trial(problems=["engine: 3 of 59 frames differ"])
    assert "3 of 59 frames differ" in refused(repository, Update("2.0", second), trial)
    said = run(repository, Update("2.0", second, accept=True), trial)
    assert "**not as before**: engine: 3 of 59 frames differ" in said


def test_two_at_once_are_one_too_many(repository: Checkout, second: Path) -> None:
    with repository.alone():
        assert "another process is changing" in refused(Checkout(repository.root), Update("2.0", second))


# Patches


def test_patches_are_applied_and_recorded(repository: Checkout, second: Path) -> None:
    patch = repository.root / f"{PATCHES}0001-docs.patch"
    patch.parent.mkdir()
    patch.write_bytes(PATCH)
    run(repository, Update("2.0", second))
    assert placed(repository)["moshi/lm.py"] == b'"""Patched."""\n' + FIRST["moshi/lm.py"]
    assert repository.manifest().patches == {patch.name: sha256(PATCH)}
    assert current_pin(repository).not_as_made(repository) == []
    assert "Patched" in (repository.root / SBOM_FILE).read_text()
    # What sync places later is patched as well.
    assert main(["sync", "--force"], repository) == 0
    assert main(["verify"], repository) == 0


def test_a_patch_that_does_not_apply_names_file_and_hunk(tmp_path: Path, second: Path) -> None:
    repository = make_repository(tmp_path / "patched", {"0001-docs.patch": PATCH})
    archive = tmp_path / "other" / "moshi-2.0.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(release_archive("2.0", SECOND | {"moshi/lm.py": b"class Other: ...\n"}))
    reason = refused(repository, Update("2.0", archive, accept=True))
    assert "0001-docs.patch does not apply: moshi/lm.py:1" in reason


def test_a_changed_patch_alone_is_another_pin(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "patched", {"0001-docs.patch": PATCH})
    (repository.root / f"{PATCHES}0001-docs.patch").write_bytes(PATCH.replace(b"Patched", b"Repatched"))
    run(repository, Update("1.0"))
    assert placed(repository)["moshi/lm.py"].startswith(b'"""Repatched.')
    assert main(["rollback"], repository) == 0
    assert placed(repository)["moshi/lm.py"].startswith(b'"""Patched.')


# Locks


def test_locks_that_had_to_be_made_anew_are_part_of_the_change(repository: Checkout, second: Path) -> None:
    lock = repository.root / "moshi/requirements.lock"
    old = lock.read_bytes()
    said = run(repository, Update("2.0", second), Trial(locks={"moshi/requirements.lock": b"new\n"}))
    assert lock.read_bytes() == b"new\n"
    assert "git add MOSHI_VERSION third_party/moshi moshi/requirements.lock" in said
    assert main(["rollback"], repository) == 0
    assert lock.read_bytes() == old


# A fork that keeps upstream's code in its own history


def test_a_fork_that_tracks_upstreams_code_is_updated_and_rolled_back(repository: Checkout, second: Path) -> None:
    ignored = repository.folder / ".gitignore"
    ignored.write_text("/.placed.json\n/.swap/\n/.lock\n")
    commit(repository.root)
    assert "third_party/moshi/moshi/lm.py" in git(repository.root, "ls-files")
    assert main(["sync"], repository) == 0
    run(repository, Update("2.0", second))
    assert "LICENSE.other" in git(repository.root, "status", "--porcelain")
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert git(repository.root, "diff", "--stat", "HEAD~1") == ""
    assert placed(repository) == FIRST
