"""tools/vendor_moshi: third_party/moshi/ is the pinned release, or nothing has changed."""

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendoring import index
from vendoring.archive import package_files
from vendoring.cli import main
from vendoring.commands import Checkout
from vendoring.errors import Refused
from vendoring.index import download as download_by_pip
from vendoring.manifest import Manifest, Release, sha256

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOP = "moshi-1.2.3"
MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy of it\n"
RELEASED = {"LICENSE": MIT, "moshi/__init__.py": b"", "moshi/models/lm.py": b"layers = 1\n"}
NEXT = {"LICENSE": MIT, "LICENSE.other": MIT, "moshi/__init__.py": b"", "moshi/new.py": b"new = 1\n"}
NOT_TAKEN = {"pyproject.toml": b"", "tests/test_lm.py": b"", "moshi.egg-info/PKG-INFO": b"", "README.md": b""}


# What the tests build


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def make_archive(files: Mapping[str, bytes], *others: tarfile.TarInfo, top: str = TOP) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in files.items():
            info = member(f"{top}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in others:
            tar.addfile(info)
    return gzip.compress(plain.getvalue(), mtime=0)


def write_pin(checkout: Checkout, data: bytes, files: Mapping[str, bytes], version: str = "1.2.3") -> Release:
    """Pins `data` whatever is in it."""
    release = Release(version, COMMIT, f"moshi-{version}.tar.gz", sha256(data))
    manifest = Manifest(release, {"LICENSE": "MIT"}, {name: sha256(text) for name, text in files.items()})
    checkout.release_file.write_text(release.text())
    checkout.manifest_file.write_text(manifest.text())
    return release


def tree(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every path below with contents and time of change."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else None,
            path.lstat().st_mtime_ns,
        )
        for path in folder.rglob("*")
    }


def placed(checkout: Checkout) -> dict[str, bytes]:
    """The vendored files, and whatever else git does not track there."""
    tracked = {"UPSTREAM.json", ".placed.json"}
    return {
        path.relative_to(checkout.folder).as_posix(): path.read_bytes()
        for path in checkout.folder.rglob("*")
        if path.is_file() and path.name not in tracked
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A working copy that pins RELEASED, with nothing placed."""
    result = Checkout(tmp_path / "checkout")
    result.folder.mkdir(parents=True)
    write_pin(result, make_archive(RELEASED | NOT_TAKEN), RELEASED)
    return result


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "release.tar.gz"
    path.write_bytes(make_archive(RELEASED | NOT_TAKEN))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scenario6" / "vendor"


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[Release]:
    """What was asked of the package index, which answers with RELEASED."""
    asked: list[Release] = []

    def download(release: Release) -> bytes:
        asked.append(release)
        return make_archive(RELEASED | NOT_TAKEN)

    monkeypatch.setattr(index, "download", download)
    return asked


def refused(arguments: list[str], checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that must be refused with one line and without a change; gives the line."""
    before = tree(checkout.root)
    assert main(arguments, checkout) == 3
    assert tree(checkout.root) == before
    line = capsys.readouterr().err
    assert line.startswith("vendor_moshi: ")
    assert line.count("\n") == 1
    return line


# sync


def test_sync_places_package_and_licences_and_nothing_else(checkout: Checkout, archive: Path) -> None:
    assert main(["sync", "--archive", str(archive)], checkout) == 0
    assert placed(checkout) == RELEASED
    assert main(["verify"], checkout) == 0


def test_second_sync_touches_nothing(checkout: Checkout, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sync", "--archive", str(archive)], checkout)
    before = tree(checkout.root.parent)
    for arguments in (["sync"], ["sync", "--force"], ["sync", "--archive", str(archive)]):
        capsys.readouterr()
        assert main(arguments, checkout) == 0
        assert "up to date" in capsys.readouterr().out
    assert tree(checkout.root.parent) == before


def test_archive_option_needs_no_index(checkout: Checkout, archive: Path, downloads: list[Release]) -> None:
    assert main(["sync", "--archive", str(archive)], checkout) == 0
    assert downloads == []


def test_cache_spares_the_second_download(checkout: Checkout, downloads: list[Release]) -> None:
    assert main(["sync"], checkout) == 0
    shutil.rmtree(checkout.folder / "moshi")
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == RELEASED
    assert downloads == [Release.read(checkout.release_file)]


def test_damaged_cache_is_replaced(checkout: Checkout, cache: Path, downloads: list[Release]) -> None:
    release = Release.read(checkout.release_file)
    cached = cache / f"{release.sha256}.tar.gz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    assert main(["sync"], checkout) == 0
    assert downloads == [release]
    assert sha256(cached.read_bytes()) == release.sha256
    assert [path.name for path in cache.iterdir()] == [cached.name]


def test_sync_works_where_no_cache_can_be(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == RELEASED
    assert "without the cache" in capsys.readouterr().err


def test_sync_follows_the_pin_without_force(checkout: Checkout, tmp_path: Path) -> None:
    main(["sync"], checkout)
    data = make_archive(NEXT, top="moshi-1.3")
    (tmp_path / "next.tar.gz").write_bytes(data)
    write_pin(checkout, data, NEXT, "1.3")
    assert main(["sync", "--archive", str(tmp_path / "next.tar.gz")], checkout) == 0
    assert placed(checkout) == NEXT


def test_sync_restores_a_missing_file_without_force(checkout: Checkout) -> None:
    main(["sync"], checkout)
    (checkout.folder / "moshi" / "models" / "lm.py").unlink()
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == RELEASED


# Local changes


def change(folder: Path) -> None:
    (folder / "moshi" / "models" / "lm.py").write_bytes(b"layers = 2\n")


def add(folder: Path) -> None:
    (folder / "moshi" / "mine.py").write_bytes(b"")


def change_licence(folder: Path) -> None:
    (folder / "LICENSE").write_bytes(b"mine")


def link(folder: Path) -> None:
    # The same bytes, but a later write would go elsewhere.
    path = folder / "moshi" / "models" / "lm.py"
    copy = folder.parent / "lm.py"
    path.rename(copy)
    path.symlink_to(copy)


def link_folder(folder: Path) -> None:
    (folder / "moshi" / "elsewhere").symlink_to(folder.parent)


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (change, "changed  moshi/models/lm.py"),
        (add, "extra    moshi/mine.py"),
        (change_licence, "changed  LICENSE"),
        (link, "changed  moshi/models/lm.py"),
        (link_folder, "extra    moshi/elsewhere"),
    ],
)
def test_local_change_is_reported_and_kept_unless_forced(
    checkout: Checkout,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[Path], None],
    difference: str,
) -> None:
    main(["sync"], checkout)
    edit(checkout.folder)
    capsys.readouterr()

    assert main(["verify"], checkout) == 1
    assert capsys.readouterr().out.splitlines() == [difference]
    assert "--force" in refused(["sync"], checkout, capsys)

    assert main(["sync", "--force"], checkout) == 0
    assert placed(checkout) == RELEASED


def test_local_change_is_kept_when_the_pin_moves(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sync"], checkout)
    change(checkout.folder)
    write_pin(checkout, make_archive(NEXT, top="moshi-1.3"), NEXT, "1.3")
    assert "changed moshi/models/lm.py" in refused(["sync"], checkout, capsys)


def test_files_of_unknown_origin_are_kept(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.folder / "moshi").mkdir()
    add(checkout.folder)
    assert "extra moshi/mine.py" in refused(["sync"], checkout, capsys)


def test_verify_names_missing_files(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"], checkout) == 1
    assert capsys.readouterr().out.splitlines() == [f"missing  {name}" for name in sorted(RELEASED)]


def test_bytecode_is_no_difference(checkout: Checkout) -> None:
    main(["sync"], checkout)
    bytecode = checkout.folder / "moshi" / "__pycache__"
    bytecode.mkdir()
    (bytecode / "lm.cpython-312.pyc").write_bytes(b"")
    assert main(["verify"], checkout) == 0


# Archives that are not to be trusted


def test_wrong_hash_from_the_index_is_refused(
    checkout: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index, "download", lambda release: make_archive(NEXT))
    assert "sha256" in refused(["sync"], checkout, capsys)
    assert not cache.exists()


@pytest.mark.parametrize("placed_before", [False, True])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: data + b"\0"]
)
def test_wrong_hash_is_refused(
    checkout: Checkout,
    archive: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    placed_before: bool,
    damage: Callable[[bytes], bytes],
) -> None:
    if placed_before:
        main(["sync", "--archive", str(archive)], checkout)
        shutil.rmtree(cache)
    archive.write_bytes(damage(archive.read_bytes()))
    assert "sha256" in refused(["sync", "--archive", str(archive)], checkout, capsys)
    assert not cache.exists()


def sparse(name: str, size: int) -> tarfile.TarInfo:
    """A file of no bytes in the archive that unpacks to `size` zeros."""
    info = member(name)
    info.pax_headers = {"GNU.sparse.map": f"{size},0", "GNU.sparse.size": str(size)}
    return info


HARMFUL = {
    "parent": member(f"{TOP}/moshi/../../../out.py"),
    "absolute": member("/tmp/out.py"),
    "outside": member("elsewhere/out.py"),
    "parent first": member("../out.py"),
    "drive": member(f"{TOP}/moshi/C:out.py"),
    "backslash": member(f"{TOP}/moshi/..\\out.py"),
    "symbolic link": member(f"{TOP}/moshi/link.py", tarfile.SYMTYPE, "../../out.py"),
    "hard link": member(f"{TOP}/moshi/link.py", tarfile.LNKTYPE, f"{TOP}/LICENSE"),
    "character device": member(f"{TOP}/moshi/device", tarfile.CHRTYPE),
    "block device": member(f"{TOP}/moshi/device", tarfile.BLKTYPE),
    "sparse file": sparse(f"{TOP}/moshi/zeros.py", 2**40),
    "pipe": member(f"{TOP}/moshi/pipe", tarfile.FIFOTYPE),
    "twice": member(f"{TOP}/moshi/__init__.py"),
    "twice but for case": member(f"{TOP}/moshi/__INIT__.py"),
    "harmful though not taken": member(f"{TOP}/docs/link", tarfile.SYMTYPE, "/etc"),
}


@pytest.mark.parametrize("info", HARMFUL.values(), ids=HARMFUL.keys())
def test_harmful_member_is_refused_even_when_pinned(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str], info: tarfile.TarInfo
) -> None:
    data = make_archive(RELEASED, info)
    (tmp_path / "harmful.tar.gz").write_bytes(data)
    write_pin(checkout, data, RELEASED)
    line = refused(["sync", "--archive", str(tmp_path / "harmful.tar.gz")], checkout, capsys)
    assert repr(info.name) in line


def test_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_archive(RELEASED)
    monkeypatch.setattr("vendoring.archive.MAX_BYTES", 1000)
    with pytest.raises(Refused, match="unpacks to more than 1000 bytes"):
        package_files(data, TOP)


def test_no_part_of_an_archive_passes_for_all_of_it() -> None:
    data = make_archive(RELEASED)
    for length in range(len(data)):
        with pytest.raises(Refused):
            package_files(data[:length], TOP)


@pytest.mark.parametrize(
    "headers", [{"GNU.sparse.map": "many,0", "GNU.sparse.size": "1"}, {"size": str(2**70)}], ids=["word", "size"]
)
def test_nonsense_in_a_header_is_damage(headers: dict[str, str]) -> None:
    nonsense = member(f"{TOP}/moshi/zeros.py")
    nonsense.pax_headers = headers
    with pytest.raises(Refused, match="damaged"):
        package_files(make_archive(RELEASED, nonsense), TOP)


@given(st.text(alphabet=st.sampled_from("moshi.LICENSE/\\:x\0é "), min_size=1), st.booleans())
def test_every_path_taken_stays_inside(name: str, below_top: bool) -> None:
    full = f"{TOP}/{name}" if below_top else name
    try:
        paths = package_files(make_archive({}, member(full)), TOP)
    except Refused:
        return
    for path in map(PurePosixPath, paths):
        assert not path.is_absolute()
        assert not {"..", "."} & {*path.parts}
        assert path.parts[0] == "moshi" or path.name.startswith("LICENSE")


@pytest.mark.parametrize(
    "contents",
    [
        RELEASED | {"moshi/models/lm.py": b"layers = 2\n"},
        RELEASED | {"moshi/more.py": b""},
        {name: data for name, data in RELEASED.items() if name != "moshi/models/lm.py"},
    ],
    ids=["changed", "more", "less"],
)
def test_archive_that_differs_from_the_manifest_is_refused(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str], contents: dict[str, bytes]
) -> None:
    data = make_archive(contents)
    (tmp_path / "other.tar.gz").write_bytes(data)
    write_pin(checkout, data, RELEASED)
    assert "disagree on moshi/mo" in refused(["sync", "--archive", str(tmp_path / "other.tar.gz")], checkout, capsys)


def test_archive_that_is_not_there_is_refused(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "absent.tar.gz" in refused(["sync", "--archive", str(tmp_path / "absent.tar.gz")], checkout, capsys)


# Pins that are not to be used


@pytest.mark.parametrize("command", ["sync", "verify"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MOSHI_VERSION", "version = 1.2.3"),
        ("MOSHI_VERSION", 'version = "1.2.3"\n'),
        ("MOSHI_VERSION", Release("1.2.4", COMMIT, "moshi-1.2.4.tar.gz", "0" * 64).text()),
        ("MOSHI_VERSION", 'version="1"\ncommit="../.."\narchive="a.tar.gz"\nsha256="0"\n'),
        ("MOSHI_VERSION", f'version=1\ncommit="{COMMIT}"\narchive="a.tar.gz"\nsha256="0"\n'),
        ("UPSTREAM.json", "{}"),
        ("UPSTREAM.json", "[]"),
        ("UPSTREAM.json", "{"),
    ],
)
def test_unusable_pin_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], command: str, name: str, text: str
) -> None:
    path = checkout.release_file if name == "MOSHI_VERSION" else checkout.manifest_file
    path.write_text(text)
    refused([command], checkout, capsys)


# Interruptions


@contextmanager
def interrupted_at(step: int, error: type[BaseException], for_good: bool) -> Iterator[list[str]]:
    """Makes the step-th change on disk fail, and with `for_good` all after it; gives the changes tried."""
    tried: list[str] = []

    def failing[**P, R](change: Callable[P, R]) -> Callable[P, R]:
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            tried.append(change.__name__)
            if len(tried) == step or (for_good and len(tried) > step):
                raise error(f"interrupted at step {step}")
            return change(*args, **kwargs)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in [(Path, "mkdir"), (Path, "write_bytes"), (Path, "rename"), (shutil, "rmtree")]:
            patch.setattr(owner, name, failing(getattr(owner, name)))
        yield tried


def release_waiting(root: Path) -> Checkout:
    """A working copy with RELEASED placed, NEXT pinned, and NEXT in the cache."""
    checkout = Checkout(root)
    checkout.folder.mkdir(parents=True)
    write_pin(checkout, make_archive(RELEASED | NOT_TAKEN), RELEASED)
    assert main(["sync"], checkout) == 0
    data = make_archive(NEXT, top="moshi-1.3")
    local = root.parent / "next.tar.gz"
    local.write_bytes(data)
    assert main(["pin", "1.3", "--commit", COMMIT, "--archive", str(local)], checkout) == 0
    return checkout


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_interrupted_sync_leaves_the_old_files_or_the_new(tmp_path: Path, error: type[BaseException]) -> None:
    ends: set[str] = set()
    for step in count(1):
        checkout = release_waiting(tmp_path / str(step))
        with interrupted_at(step, error, for_good=False) as tried:
            try:
                code = main(["sync"], checkout)
            except KeyboardInterrupt:
                code = 130
        if len(tried) < step:
            assert code == 0
            break
        assert code != 0
        end = placed(checkout)
        assert end in (RELEASED, NEXT)
        assert not (checkout.folder / ".swap").exists()
        ends.add("old" if end == RELEASED else "new")
    assert ends == {"old", "new"}


def test_sync_finishes_a_clean_up_that_was_cut_short(checkout: Checkout) -> None:
    main(["sync"], checkout)
    (checkout.folder / ".swap" / "left" / "moshi").mkdir(parents=True)
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == RELEASED
    assert not (checkout.folder / ".swap").exists()


def test_sync_finishes_what_a_lost_machine_left(tmp_path: Path) -> None:
    for step in count(1):
        checkout = release_waiting(tmp_path / str(step))
        with interrupted_at(step, OSError, for_good=True) as tried:
            main(["sync"], checkout)
        assert main(["sync"], checkout) == 0
        assert placed(checkout) == NEXT
        assert main(["verify"], checkout) == 0
        if len(tried) < step:
            break
    assert "rename" in tried


# pin


def test_pin_records_the_archive(checkout: Checkout, tmp_path: Path) -> None:
    data = make_archive(NEXT | NOT_TAKEN, top="moshi-1.3")
    (tmp_path / "next.tar.gz").write_bytes(data)
    arguments = ["pin", "1.3", "--commit", COMMIT, "--archive", str(tmp_path / "next.tar.gz")]
    assert main(arguments, checkout) == 0

    manifest = checkout.manifest()
    assert manifest.release == Release("1.3", COMMIT, "moshi-1.3.tar.gz", sha256(data))
    assert manifest.licences == {"LICENSE": "MIT", "LICENSE.other": "MIT"}
    assert manifest.files == {name: sha256(text) for name, text in NEXT.items()}
    assert tomllib.loads(checkout.release_file.read_text())["sha256"] == sha256(data)


def test_pin_by_hash_asks_the_index(checkout: Checkout, downloads: list[Release]) -> None:
    before = tree(checkout.root)
    expected = Release.read(checkout.release_file)
    assert main(["pin", "1.2.3", "--commit", COMMIT, "--sha256", expected.sha256], checkout) == 0
    assert downloads == [expected]
    assert {path: data for path, (data, _) in tree(checkout.root).items()} == {
        path: data for path, (data, _) in before.items()
    }


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (RELEASED | {"LICENSE.new": b"All rights reserved."}, "LICENSE.new is not an accepted licence"),
        ({"LICENSE": MIT}, "lacks the package"),
        ({"moshi/__init__.py": b""}, "or its licence"),
    ],
)
def test_pin_refuses_what_must_not_be_vendored(
    checkout: Checkout,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    contents: dict[str, bytes],
    reason: str,
) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(make_archive(contents))
    arguments = ["pin", "1.2.3", "--commit", COMMIT, "--archive", str(tmp_path / "bad.tar.gz")]
    assert reason in refused(arguments, checkout, capsys)


@pytest.mark.parametrize(("version", "commit"), [("../1", COMMIT), ("1.2.3", "main"), ("1.2.3", COMMIT[:7])])
def test_pin_refuses_malformed_values(
    checkout: Checkout, archive: Path, capsys: pytest.CaptureFixture[str], version: str, commit: str
) -> None:
    arguments = ["pin", version, "--commit", commit, "--archive", str(archive)]
    assert "does not look like one" in refused(arguments, checkout, capsys)


# The package index, by a real pip from a local folder


@pytest.fixture
def real_checkout(checkout: Checkout) -> Checkout:
    """With the tool itself, to be run as a user does."""
    shutil.copytree(REPOSITORY / "tools" / "vendoring", checkout.root / "tools" / "vendoring")
    shutil.copy(REPOSITORY / "tools" / "vendor_moshi", checkout.root / "tools")
    return checkout


def python_with_pip() -> Path:
    """The Python that the environment was made from: the environment itself has no pip."""
    python = Path(sys.base_prefix, "bin", "python3")
    probe = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"{python} has no pip")
    return python


def run_real(checkout: Checkout, wheels: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [python_with_pip(), checkout.root / "tools" / "vendor_moshi", "sync"],
        env=environment | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


def buildable(canary: Path) -> dict[str, bytes]:
    """RELEASED as an archive that shows when its code runs."""
    trap = f"open({str(canary)!r}, 'w').close()\n".encode()
    project = b'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    return RELEASED | {"moshi/__init__.py": trap, "setup.py": trap, "pyproject.toml": project}


def test_index_download_runs_nothing_of_the_archive(real_checkout: Checkout, tmp_path: Path) -> None:
    files = buildable(tmp_path / "canary")
    data = make_archive(files)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "moshi-1.2.3.tar.gz").write_bytes(data)
    taken = {name: files[name] for name in RELEASED}
    write_pin(real_checkout, data, taken)

    result = run_real(real_checkout, tmp_path / "wheels")
    assert result.stderr == ""
    assert result.returncode == 0
    assert {name: (real_checkout.folder / name).read_bytes() for name in taken} == taken
    assert not (tmp_path / "canary").exists()


def test_index_with_another_archive_is_refused(real_checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "moshi-1.2.3.tar.gz").write_bytes(make_archive(buildable(tmp_path / "canary")))
    before = placed(real_checkout)

    result = run_real(real_checkout, tmp_path / "wheels")
    assert result.returncode == 3
    assert result.stderr.startswith("vendor_moshi: pip could not get moshi-1.2.3.tar.gz (")
    assert result.stderr.count("\n") == 1
    assert placed(real_checkout) == before
    assert not (tmp_path / "canary").exists()


def test_index_without_pip_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Refused, match="has no pip; use a Python that has, or sync --archive FILE"):
        download_by_pip(Release("1.2.3", COMMIT, "moshi-1.2.3.tar.gz", "0" * 64))


# This repository's own pin


def test_all_places_name_the_same_release() -> None:
    checkout = Checkout(REPOSITORY)
    release = checkout.manifest().release
    packaging: dict[str, Any] = tomllib.loads((checkout.folder / "pyproject.toml").read_text())["project"]
    assert packaging["version"] == release.version
    assert packaging["urls"]["Source"].endswith(f"/{release.commit}")
    assert release.archive == f"moshi-{release.version}.tar.gz"


def test_packaging_ships_every_licence() -> None:
    checkout = Checkout(REPOSITORY)
    packaging: dict[str, Any] = tomllib.loads((checkout.folder / "pyproject.toml").read_text())["project"]
    assert sorted(packaging["license-files"]) == sorted(checkout.manifest().licences)
    assert {packaging["license"]} == {*checkout.manifest().licences.values()}


def test_manifest_is_what_the_tool_writes() -> None:
    checkout = Checkout(REPOSITORY)
    assert checkout.manifest_file.read_text() == checkout.manifest().text()
    assert checkout.release_file.read_text() == checkout.manifest().release.text()
