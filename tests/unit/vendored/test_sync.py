"""tools/update_moshi.sh sync and verify: third_party/moshi/ is the pinned release, or nothing has changed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.vendored import COMMIT, NEXT, RELEASED, make_archive, placed, refused, tree, write_pin
from vendoring import source
from vendoring.checkout import MANIFEST_FILE, RELEASE_FILE, Checkout
from vendoring.cli import main
from vendoring.manifest import Release, sha256


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
    assert downloads == [Release.read(checkout.root / RELEASE_FILE)]


def test_damaged_cache_is_replaced(checkout: Checkout, cache: Path, downloads: list[Release]) -> None:
    release = Release.read(checkout.root / RELEASE_FILE)
    cached = cache / release.sha256
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


# Archives and pins that are not to be used


def test_wrong_hash_from_the_index_is_refused(
    checkout: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source, "download", lambda release: make_archive(NEXT))
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


@pytest.mark.parametrize("command", ["sync", "verify"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (RELEASE_FILE, "version = 1.2.3"),
        (RELEASE_FILE, 'version = "1.2.3"\n'),
        (RELEASE_FILE, Release("1.2.4", COMMIT, "moshi-1.2.4.tar.gz", "0" * 64).text()),
        (RELEASE_FILE, 'version="1"\ncommit="../.."\narchive="a.tar.gz"\nsha256="0"\n'),
        (RELEASE_FILE, f'version=1\ncommit="{COMMIT}"\narchive="a.tar.gz"\nsha256="0"\n'),
        (MANIFEST_FILE, "{}"),
        (MANIFEST_FILE, "[]"),
        (MANIFEST_FILE, "{"),
    ],
)
def test_unusable_pin_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], command: str, name: str, text: str
) -> None:
    (checkout.root / name).write_text(text)
    refused([command], checkout, capsys)
