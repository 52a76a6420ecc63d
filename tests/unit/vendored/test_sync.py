"""tools/update_moshi.sh sync and verify: third_party/moshi/ is the pinned release, or nothing has changed."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from support.vendored import COMMIT, FIRST, SECOND, contents, make_wheel, placed, refused, write_pin
from vendoring import source
from vendoring.checkout import Checkout
from vendoring.cli import main
from vendoring.pin import MANIFEST_FILE, RELEASE_FILE, Release, sha256


def test_sync_places_package_and_licences_and_nothing_else(
    checkout: Checkout, archive: Path, downloads: list[str]
) -> None:
    assert main(["sync", "--archive", str(archive)], checkout) == 0
    assert placed(checkout) == FIRST
    assert {path.name for path in checkout.folder.iterdir()} == {"moshi", "LICENSE", "UPSTREAM.json", ".placed.json"}
    assert main(["verify"], checkout) == 0
    assert downloads == [], "a file needs no index"


def test_second_sync_touches_nothing(checkout: Checkout, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sync", "--archive", str(archive)], checkout)
    before = {path: path.stat() for path in checkout.root.rglob("*") if path.is_file()}
    for arguments in (["sync"], ["sync", "--force"], ["sync", "--archive", str(archive)]):
        capsys.readouterr()
        assert main(arguments, checkout) == 0
        assert "up to date" in capsys.readouterr().out
    assert {path: path.stat() for path in before} == before


def test_cache_spares_the_second_download(checkout: Checkout, downloads: list[str]) -> None:
    assert main(["sync"], checkout) == 0
    shutil.rmtree(checkout.folder / "moshi")
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == FIRST
    assert downloads == [f"==1.0 --hash=sha256:{sha256(make_wheel(FIRST))}"]


def test_damaged_cache_is_replaced(checkout: Checkout, cache: Path, downloads: list[str]) -> None:
    cached = cache / sha256(make_wheel(FIRST))
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    assert main(["sync"], checkout) == 0
    assert len(downloads) == 1
    assert contents(cache) == {cached.name: make_wheel(FIRST)}


def test_sync_works_where_no_cache_can_be(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == FIRST
    assert "without the cache" in capsys.readouterr().err


def pin_second(checkout: Checkout) -> None:
    source.store(make_wheel(SECOND, version="2.0"))
    write_pin(checkout, make_wheel(SECOND, version="2.0"), SECOND, "2.0")


def test_sync_follows_the_pin_without_force(checkout: Checkout) -> None:
    main(["sync"], checkout)
    pin_second(checkout)
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == SECOND


def test_sync_restores_a_missing_file_without_force(checkout: Checkout) -> None:
    main(["sync"], checkout)
    (checkout.folder / "moshi" / "lm.py").unlink()
    assert main(["sync"], checkout) == 0
    assert placed(checkout) == FIRST


def test_sync_finishes_what_a_failing_disk_or_a_killed_process_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it happens, and without --force."""
    ends: list[bool] = []
    for step in count(1):
        checkout = Checkout(tmp_path / str(step))
        write_pin(checkout, make_wheel(FIRST), FIRST)
        main(["sync"], checkout)
        pin_second(checkout)
        tried: list[str] = []
        with monkeypatch.context() as patch:
            for owner, name in ((Path, "write_bytes"), (Path, "rename"), (Path, "replace"), (shutil, "rmtree")):
                change = getattr(owner, name)

                def failing(*arguments: object, change: Callable[..., object] = change) -> object:
                    tried.append(change.__name__)  # noqa: B023 - ends with this turn
                    if len(tried) >= step:  # noqa: B023
                        raise OSError("no space left on device")
                    return change(*arguments)

                patch.setattr(owner, name, failing)
            ends.append(main(["sync"], checkout) == 0)
        assert main(["sync"], checkout) == 0
        assert placed(checkout) == SECOND
        assert main(["verify"], checkout) == 0
        if ends[-1]:
            break
    assert {"write_bytes", "rename", "replace", "rmtree"} == {*tried}


# Local changes


def change(folder: Path) -> None:
    (folder / "moshi" / "lm.py").write_bytes(b"layers = 2\n")


def add(folder: Path) -> None:
    (folder / "moshi" / "mine.py").write_bytes(b"")


def change_licence(folder: Path) -> None:
    (folder / "LICENSE").write_bytes(b"mine")


def link(folder: Path) -> None:
    # The same bytes, but a later write would go elsewhere.
    path = folder / "moshi" / "lm.py"
    copy = folder.parent / "lm.py"
    path.rename(copy)
    path.symlink_to(copy)


def link_folder(folder: Path) -> None:
    (folder / "moshi" / "elsewhere").symlink_to(folder.parent)


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (change, "changed moshi/lm.py"),
        (add, "extra moshi/mine.py"),
        (change_licence, "changed LICENSE"),
        (link, "changed moshi/lm.py"),
        (link_folder, "extra moshi/elsewhere"),
    ],
)
def test_local_change_is_reported_and_kept_unless_forced(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], edit: Callable[[Path], None], difference: str
) -> None:
    main(["sync"], checkout)
    edit(checkout.folder)
    capsys.readouterr()
    assert main(["verify"], checkout) == 1
    assert capsys.readouterr().out.splitlines() == [difference]
    assert "--force" in refused(["sync"], checkout, capsys)

    assert main(["sync", "--force"], checkout) == 0
    assert placed(checkout) == FIRST


def test_local_change_is_kept_when_the_pin_moves(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sync"], checkout)
    change(checkout.folder)
    pin_second(checkout)
    assert "changed moshi/lm.py" in refused(["sync"], checkout, capsys)


def test_files_of_unknown_origin_are_kept(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.folder / "moshi").mkdir()
    add(checkout.folder)
    assert "extra moshi/mine.py" in refused(["sync"], checkout, capsys)


def test_verify_names_missing_files(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"], checkout) == 1
    assert capsys.readouterr().out.splitlines() == [f"missing {name}" for name in sorted(FIRST)]


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
    monkeypatch.setattr(source, "download", lambda condition: make_wheel(SECOND))
    assert "sha256" in refused(["sync"], checkout, capsys)
    assert not cache.exists()


@pytest.mark.parametrize("placed_before", [False, True])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:99], lambda data: data + b"\0"])
def test_wrong_hash_of_a_file_is_refused(
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
    "files",
    [
        FIRST | {"moshi/lm.py": b"layers = 2\n"},
        FIRST | {"moshi/more.py": b""},
        {name: data for name, data in FIRST.items() if name != "moshi/lm.py"},
    ],
    ids=["changed", "more", "less"],
)
def test_archive_that_differs_from_the_manifest_is_refused(
    checkout: Checkout, archive: Path, capsys: pytest.CaptureFixture[str], files: dict[str, bytes]
) -> None:
    archive.write_bytes(make_wheel(files))
    write_pin(checkout, make_wheel(files), FIRST)
    assert "disagree on moshi/" in refused(["sync", "--archive", str(archive)], checkout, capsys)


def test_archive_that_is_not_there_is_refused(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "absent.whl" in refused(["sync", "--archive", str(tmp_path / "absent.whl")], checkout, capsys)


@pytest.mark.parametrize("command", ["sync", "verify"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (RELEASE_FILE, "version = 1.2.3"),
        (RELEASE_FILE, 'version = "1.2.3"\n'),
        (RELEASE_FILE, Release("1.2.4", COMMIT, "moshi-1.2.4-py3-none-any.whl", "0" * 64).text()),
        (RELEASE_FILE, f'version="1"\ncommit="{COMMIT}"\narchive="moshi-1.tar.gz"\nsha256="{"0" * 64}"\n'),
        (RELEASE_FILE, f'version=1\ncommit="{COMMIT}"\narchive="moshi-1.whl"\nsha256="{"0" * 64}"\n'),
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
