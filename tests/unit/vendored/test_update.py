"""update: another pin in one change, or nothing. rollback: an earlier pin, byte by byte."""

import io
import shutil
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from support.vendored import (
    COMMIT,
    FIRST,
    METADATA,
    MIT,
    MODEL,
    PATCH,
    SECOND,
    commit,
    contents,
    git,
    make_repository,
    make_wheel,
    placed,
)
from support.vendored import refused as command_refused
from vendoring import source
from vendoring.checkout import PATCHES, Checkout
from vendoring.cli import main
from vendoring.generated import GENERATED, PACKAGING_FILE, SBOM_FILE
from vendoring.pin import UNKNOWN, Refused, sha256
from vendoring.update import update


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "second.whl"
    path.write_bytes(make_wheel(SECOND, version="2.0"))
    return path


def run(checkout: Checkout, *, failures: tuple[str, ...] = (), **options: object) -> str:
    """Updates, with a trial that finds `failures`; gives the text for people."""
    said = io.StringIO()
    with redirect_stdout(said):
        update(checkout, try_out=lambda checkout, folder: [*failures], **options)  # type: ignore[arg-type]
    return said.getvalue().strip()


def refused(checkout: Checkout, **options: object) -> str:
    before = contents(checkout.root)
    with pytest.raises(Refused) as refusal:
        run(checkout, **options)  # type: ignore[arg-type]
    assert contents(checkout.root) == before
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def packaging(checkout: Checkout) -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((checkout.root / PACKAGING_FILE).read_text())["project"]
    return project


def test_it_pins_places_and_records(repository: Checkout, second: Path) -> None:
    said = run(repository, version="2.0", archive=second, commit=COMMIT)
    assert placed(repository) == SECOND
    assert main(["verify"], repository) == 0
    release = repository.manifest().release
    assert (release.version, release.commit, release.sha256) == ("2.0", COMMIT, sha256(second.read_bytes()))
    assert packaging(repository)["version"] == "2.0"
    assert packaging(repository)["urls"] == {"Source": f"https://github.com/kyutai-labs/moshi/tree/{COMMIT}"}
    changed = git(repository.root, "status", "--porcelain").split()[1::2]
    assert sorted(changed) == sorted(GENERATED)
    for word in ("Moshi 1.0 → 2.0", "LICENSE.other` MIT", "- `moshi/__init__.py`: +1 -1\n", "git commit"):
        assert word in said


def test_the_version_is_the_archives_own(repository: Checkout, second: Path) -> None:
    run(repository, archive=second)
    assert repository.manifest().release.version == "2.0"
    assert repository.manifest().release.commit == UNKNOWN
    assert packaging(repository)["urls"] == {"Source": "https://github.com/kyutai-labs/moshi"}


@pytest.mark.parametrize(("version", "condition"), [(None, ""), ("2.0", "==2.0")])
def test_it_comes_from_the_index(
    repository: Checkout, second: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, condition: str
) -> None:
    monkeypatch.setattr(source, "download", {condition: second.read_bytes()}.__getitem__)
    run(repository, version=version)
    assert placed(repository) == SECOND


def test_what_is_pinned_already_changes_nothing(repository: Checkout) -> None:
    before = contents(repository.root)
    assert run(repository, version="1.0") == "moshi 1.0 is what is pinned"
    assert contents(repository.root) == before


def test_our_packaging_takes_upstreams_ranges_but_not_what_we_do_not_run(repository: Checkout, tmp_path: Path) -> None:
    ranges = (
        'torch<2.10,>=2.6\nHuggingface_Hub<1,>=0.24\nbitsandbytes<1; sys_platform == "linux"\nwheel; extra == "dev"'
    )
    lines = "".join(f"Requires-Dist: {line}\n" for line in ranges.splitlines())
    metadata = f"Version: {{version}}\nRequires-Python: >=3.11\n{lines}\nRequires-Dist: not-in-the-header\n"
    (tmp_path / "2.whl").write_bytes(make_wheel(SECOND, version="2.0", metadata=metadata))
    said = run(repository, archive=tmp_path / "2.whl")
    project = packaging(repository)
    assert project["requires-python"] == ">=3.11"
    assert project["dependencies"] == ["Huggingface_Hub<1,>=0.24", "torch<2.10,>=2.6"]
    assert '- `- "torch<3,>=2.2"`' in said
    assert '- `+ "torch<2.10,>=2.6"`' in said


def test_a_range_that_is_not_understood_is_refused(repository: Checkout, tmp_path: Path) -> None:
    metadata = METADATA + "Requires-Dist: torch two\n"
    (tmp_path / "2.whl").write_bytes(make_wheel(SECOND, version="2.0", metadata=metadata))
    assert "is not understood (" in refused(repository, archive=tmp_path / "2.whl")


# What stops it


@pytest.mark.parametrize("name", ["README.md", "new.txt", "moshi/src/moshi_backend/model.py"])
def test_uncommitted_changes_are_not_mixed_in(repository: Checkout, second: Path, name: str) -> None:
    (repository.root / name).write_text("mine")
    assert f"{name} has changes that are not committed" in refused(repository, archive=second)


def test_local_changes_of_the_placed_files_are_kept(repository: Checkout, second: Path) -> None:
    (repository.folder / "moshi" / "lm.py").write_text("mine")
    assert "changed moshi/lm.py" in refused(repository, archive=second)


def test_an_archive_of_another_release_is_refused(repository: Checkout, second: Path) -> None:
    assert "is moshi 2.0, not 3.0" in refused(repository, version="3.0", archive=second)


def test_another_hash_than_the_caller_gave_is_refused(repository: Checkout, second: Path) -> None:
    assert "not 00" in refused(repository, archive=second, digest="0" * 64)


def test_the_pinned_version_with_other_contents_is_refused(repository: Checkout, tmp_path: Path) -> None:
    (tmp_path / "1.whl").write_bytes(make_wheel(SECOND))
    assert f"not {sha256(make_wheel(FIRST))}" in refused(repository, archive=tmp_path / "1.whl")


@pytest.mark.parametrize(
    "options", [{"commit": "main"}, {"metadata": "Version: 2 --index-url x\n"}, {"metadata": "\n"}]
)
def test_what_the_pin_cannot_record_is_refused(repository: Checkout, tmp_path: Path, options: dict[str, str]) -> None:
    (tmp_path / "2.whl").write_bytes(make_wheel(SECOND, version="2.0", metadata=options.get("metadata", METADATA)))
    assert "does not look like one" in refused(repository, archive=tmp_path / "2.whl", commit=options.get("commit"))


@pytest.mark.parametrize(
    ("files", "declared", "reason"),
    [
        (SECOND | {"LICENSE.new": b"All rights reserved."}, "MIT", "LICENSE.new is not an accepted licence"),
        ({"LICENSE": MIT}, "MIT", "lacks the package"),
        ({"moshi/__init__.py": b""}, "MIT", "or its licence"),
        (SECOND, "BUSL-1.1", "BUSL-1.1 is not an accepted licence"),
    ],
)
def test_what_must_not_be_vendored_is_refused(
    repository: Checkout, tmp_path: Path, files: dict[str, bytes], declared: str, reason: str
) -> None:
    metadata = METADATA.replace("License: MIT", f"License: {declared}")
    (tmp_path / "2.whl").write_bytes(make_wheel(files, version="2.0", metadata=metadata))
    assert reason in refused(repository, archive=tmp_path / "2.whl", accept=True)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (MODEL.replace(b"self.width", b"self.depth"), "moshi.lm.Model.width"),
        (b"class Other:\n    pass\n", "moshi.lm.Model"),
        (b"class Model:\n    def __init__(self, width: int):\n        self.width = width\n", "moshi.lm.Model"),
    ],
    ids=["attribute gone", "class gone", "signature changed"],
)
def test_a_breaking_change_of_a_used_name_stops_it_unless_accepted(
    repository: Checkout, tmp_path: Path, model: bytes, name: str
) -> None:
    (tmp_path / "2.whl").write_bytes(make_wheel(SECOND | {"moshi/lm.py": model}, version="2.0"))
    assert f"not as before: {name}" in refused(repository, archive=tmp_path / "2.whl")
    run(repository, archive=tmp_path / "2.whl", accept=True)
    assert repository.manifest().release.version == "2.0"


def test_a_trial_that_fails_stops_it_unless_accepted(repository: Checkout, second: Path) -> None:
    failures = ("engine: 3 of 59 frames differ",)
    assert "not as before: engine: 3 of 59 frames differ" in refused(repository, archive=second, failures=failures)
    run(repository, archive=second, accept=True, failures=failures)
    assert repository.manifest().release.version == "2.0"


# Patches


def test_patches_are_applied_and_recorded(repository: Checkout, second: Path) -> None:
    patch = repository.root / f"{PATCHES}0001-docs.patch"
    patch.parent.mkdir()
    patch.write_bytes(PATCH)
    run(repository, archive=second)
    assert placed(repository)["moshi/lm.py"] == b'"""Patched."""\n' + FIRST["moshi/lm.py"]
    assert repository.manifest().patches == {patch.name: sha256(PATCH)}
    assert "Patched" in (repository.root / SBOM_FILE).read_text()
    # What sync places later is patched as well.
    shutil.rmtree(repository.folder / "moshi")
    assert main(["sync"], repository) == 0
    assert main(["verify"], repository) == 0


def test_a_patch_that_does_not_apply_names_file_and_line(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "patched", {"0001-docs.patch": PATCH})
    (tmp_path / "2.whl").write_bytes(make_wheel(SECOND | {"moshi/lm.py": b"class Other: ...\n"}, version="2.0"))
    reason = refused(repository, archive=tmp_path / "2.whl", accept=True)
    assert "0001-docs.patch does not apply: patch failed: moshi/lm.py:1" in reason


def test_a_changed_patch_alone_is_another_pin(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "patched", {"0001-docs.patch": PATCH})
    (repository.root / f"{PATCHES}0001-docs.patch").write_bytes(PATCH.replace(b"Patched", b"Repatched"))
    run(repository, version="1.0")
    assert placed(repository)["moshi/lm.py"].startswith(b'"""Repatched.')
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert placed(repository)["moshi/lm.py"].startswith(b'"""Patched.')


# Back


def to(checkout: Checkout, version: str) -> None:
    archive = checkout.root.parent / f"{version}.whl"
    archive.write_bytes(make_wheel(SECOND | {"moshi/__init__.py": version.encode()}, version=version))
    run(checkout, archive=archive)


@pytest.mark.parametrize("committed", [False, True])
def test_there_and_back_is_byte_identical(repository: Checkout, committed: bool, downloads: list[str]) -> None:
    before = contents(repository.root)
    to(repository, "2.0")
    assert contents(repository.root) != before
    if committed:
        commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert contents(repository.root) == before
    assert downloads == [], "the cache has it"


def test_back_to_any_recorded_version(repository: Checkout) -> None:
    states = {"1.0": contents(repository.root)}
    for version in ("2.0", "3.0", "4.0"):
        to(repository, version)
        commit(repository.root)
        states[version] = contents(repository.root)
    for version in ("3.0", "1.0"):
        assert main(["rollback", version], repository) == 0
        assert contents(repository.root) == states[version]


def test_an_uncommitted_update_is_undone_and_then_the_pin_before_comes(repository: Checkout) -> None:
    to(repository, "2.0")
    commit(repository.root)
    to(repository, "3.0")
    for expected in ("2.0", "1.0"):
        assert main(["rollback"], repository) == 0
        assert repository.manifest().release.version == expected
        assert main(["verify"], repository) == 0


def test_removed_and_rewritten_patches_come_back(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "patched", {"0001-docs.patch": PATCH})
    before = contents(repository.root)
    (repository.root / f"{PATCHES}0001-docs.patch").unlink()
    (repository.root / f"{PATCHES}0002-docs.patch").write_bytes(PATCH.replace(b"Patched", b"Again"))
    to(repository, "2.0")
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert contents(repository.root) == before


def test_without_the_cache_the_archive_may_be_a_file(
    repository: Checkout, cache: Path, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(repository.root)
    to(repository, "2.0")
    commit(repository.root)
    shutil.rmtree(cache)
    other = repository.root.parent / "2.0.whl"
    assert "has sha256" in command_refused(["rollback", "--archive", str(other)], repository, capsys)
    assert main(["rollback", "--archive", str(archive)], repository) == 0
    assert contents(repository.root) == before


def test_a_history_without_the_pin_says_what_to_do(
    repository: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing to go back to" in command_refused(["rollback"], repository, capsys)
    to(repository, "2.0")
    commit(repository.root)
    assert "moshi 7.0 is not recorded (recorded: 2.0, 1.0)" in command_refused(["rollback", "7.0"], repository, capsys)
    shallow = Checkout(tmp_path / "shallow")
    git(tmp_path, "clone", "-q", "--depth=1", repository.root.as_uri(), str(shallow.root))
    assert main(["sync"], shallow) == 0
    assert "git fetch --unshallow" in command_refused(["rollback"], shallow, capsys)
    shutil.rmtree(repository.root / ".git")
    assert "is this a checkout?" in command_refused(["rollback"], repository, capsys)


@pytest.mark.parametrize("name", ["README.md", f"{PATCHES}0001-new.patch"])
def test_other_work_stops_a_rollback(repository: Checkout, capsys: pytest.CaptureFixture[str], name: str) -> None:
    to(repository, "2.0")
    (repository.root / name).parent.mkdir(exist_ok=True)
    (repository.root / name).write_bytes(PATCH)
    assert f"{name} has changes that are not committed" in command_refused(["rollback"], repository, capsys)
    (repository.root / name).unlink()
    git(repository.root, "checkout", "-q", "README.md")
    (repository.folder / "moshi" / "lm.py").write_text("mine")
    assert "local changes" in command_refused(["rollback"], repository, capsys)


# A fork that keeps upstream's code in its own history


def test_a_fork_that_tracks_upstreams_code_is_updated_and_rolled_back(repository: Checkout, second: Path) -> None:
    (repository.folder / ".gitignore").write_text("/.placed.json\n/.placing/\n")
    commit(repository.root)
    assert "third_party/moshi/moshi/lm.py" in git(repository.root, "ls-files")
    run(repository, archive=second)
    assert "LICENSE.other" in git(repository.root, "status", "--porcelain")
    assert main(["rollback"], repository) == 0
    assert git(repository.root, "status", "--porcelain") == ""
    run(repository, archive=second)
    commit(repository.root)
    assert main(["rollback"], repository) == 0
    assert git(repository.root, "diff", "--stat", "HEAD~1") == ""
    assert placed(repository) == FIRST
