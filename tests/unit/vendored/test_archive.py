"""Archives: what is taken of them, and which are refused."""

import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.vendored import MIT, RELEASED, TOP, as_wheel, make_archive, make_wheel, member, refused, write_pin
from vendoring.archive import read_archive
from vendoring.checkout import Checkout
from vendoring.manifest import Refused

NAME = f"{TOP}.tar.gz"
WHEEL = "moshi-1.2.3-py3-none-any.whl"
METADATA = b"Metadata-Version: 2.4\nName: moshi\nVersion: 1.2.3\n"


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
    "parent below the top": member(f"{TOP}/moshi/../../{TOP}x"),
    "another spelling": member(f"{TOP}/moshi/./__init__.py"),
    "drive": member(f"{TOP}/moshi/C:out.py"),
    "backslash": member(f"{TOP}/moshi/..\\out.py"),
    "git folder": member(f"{TOP}/moshi/.git/config"),
    "git folder in capitals": member(f"{TOP}/moshi/.GIT/hooks/post-checkout"),
    "git folder by its short name": member(f"{TOP}/moshi/GIT~1/config"),
    "git folder on macOS": member(f"{TOP}/moshi/.g\u200cit/config"),
    "newline": member(f"{TOP}/moshi/a\nb.py"),
    "escape": member(f"{TOP}/moshi/a\x1b[2Jb.py"),
    "direction": member(f"{TOP}/moshi/a\u202eyp.b"),
    "dot at the end": member(f"{TOP}/moshi/__init__.py."),
    "space at the end": member(f"{TOP}/moshi/__init__.py "),
    "device on Windows": member(f"{TOP}/moshi/nul.py"),
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


@pytest.mark.parametrize("name", ["PKG-INFO", ".gitignore", ".github/workflows/a b.yml", "moshi/c++.py", "a"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    assert read_archive(make_archive(RELEASED, member(f"{TOP}/{name}")), NAME)[0].items() >= RELEASED.items()


def test_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_archive(RELEASED)
    monkeypatch.setattr("vendoring.archive.MAX_BYTES", 1000)
    with pytest.raises(Refused, match="unpacks to more than 1000 bytes"):
        read_archive(data, NAME)


def test_no_part_of_an_archive_passes_for_all_of_it() -> None:
    data = make_archive(RELEASED)
    for length in range(len(data)):
        with pytest.raises(Refused):
            read_archive(data[:length], NAME)


@pytest.mark.parametrize(
    "headers", [{"GNU.sparse.map": "many,0", "GNU.sparse.size": "1"}, {"size": str(2**70)}], ids=["word", "size"]
)
def test_nonsense_in_a_header_is_damage(headers: dict[str, str]) -> None:
    nonsense = member(f"{TOP}/moshi/zeros.py")
    nonsense.pax_headers = headers
    with pytest.raises(Refused, match="damaged"):
        read_archive(make_archive(RELEASED, nonsense), NAME)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("moshi.LICENSE/\\:x\0é "), min_size=1), st.booleans())
def test_every_path_taken_stays_inside(name: str, below_top: bool) -> None:
    full = f"{TOP}/{name}" if below_top else name
    try:
        paths = read_archive(make_archive({}, member(full)), NAME)[0]
    except Refused:
        return
    for path in map(PurePosixPath, paths):
        assert not path.is_absolute()
        assert not {"..", "."} & {*path.parts}
        assert path.parts[0] == "moshi" or path.name.startswith("LICENSE")


# Wheels


def test_a_wheel_gives_what_its_source_archive_gives() -> None:
    source = read_archive(make_archive({**RELEASED, "PKG-INFO": METADATA}), NAME)
    wheel = read_archive(as_wheel(RELEASED, METADATA, "1.2.3"), WHEEL)
    assert wheel == source
    assert wheel == (RELEASED, METADATA.decode())


def test_older_wheels_have_licences_beside_the_metadata() -> None:
    wheel = make_wheel({"moshi/__init__.py": b"", "moshi-1.2.3.dist-info/LICENSE": MIT})
    assert read_archive(wheel, WHEEL)[0] == {"moshi/__init__.py": b"", "LICENSE": MIT}


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "info",
    [
        special("../out.py", 0),
        special("/tmp/out.py", 0),
        special("moshi/../../out.py", 0),
        special("moshi/C:out.py", 0),
        special("moshi/.git/config", 0),
        special("moshi/a\nb.py", 0),
        special("moshi/link.py", stat.S_IFLNK | 0o777),
        special("moshi/pipe", stat.S_IFIFO),
        special("moshi/__INIT__.py", 0),
    ],
    ids=lambda info: info.filename,
)
def test_a_harmful_member_of_a_wheel_is_refused(info: zipfile.ZipInfo) -> None:
    with pytest.raises(Refused, match="do not use it"):
        read_archive(make_wheel({"moshi/__init__.py": b"", "moshi-1.2.3.dist-info/LICENSE": MIT, "x": info}), WHEEL)


def test_no_part_of_a_wheel_passes_for_all_of_it() -> None:
    data = as_wheel(RELEASED, METADATA, "1.2.3")
    for length in range(len(data)):
        with pytest.raises(Refused):
            read_archive(data[:length], WHEEL)


def test_a_changed_byte_in_a_wheels_file_is_damage() -> None:
    data = as_wheel(RELEASED, METADATA, "1.2.3")
    with pytest.raises(Refused, match="damaged"):
        read_archive(data.replace(b"layers = 1", b"layers = 2"), WHEEL)


def test_a_wheel_that_is_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vendoring.archive.MAX_BYTES", 100)
    with pytest.raises(Refused, match="unpacks to more than 100 bytes"):
        read_archive(as_wheel(RELEASED, METADATA, "1.2.3"), WHEEL)
