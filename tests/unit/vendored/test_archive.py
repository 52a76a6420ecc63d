"""Archives: the files that are taken of them, and the archives that are refused."""

import io
import stat
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.vendored import FIRST, METADATA, make_wheel, refused, write_pin
from vendoring.archive import read_archive
from vendoring.checkout import Checkout
from vendoring.pin import Refused


def member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.filename = info.orig_filename = name  # as it is: ZipInfo itself cuts the name at a NUL
    info.external_attr = mode << 16
    return info


HARMFUL = {
    "parent": member("moshi/../../out.py"),
    "absolute": member("/tmp/out.py"),
    "outside": member("elsewhere/out.py"),
    "parent first": member("../out.py"),
    "another spelling": member("moshi/./new.py"),
    "drive": member("moshi/C:out.py"),
    "backslash": member("moshi/..\\out.py"),
    "git folder": member("moshi/.git/config"),
    "git folder by its short name": member("moshi/GIT~1/config"),
    "git folder on macOS": member("moshi/.g\u200cit/config"),
    "newline": member("moshi/a\nb.py"),
    "escape": member("moshi/a\x1b[2Jb.py"),
    "direction": member("moshi/a\u202eyp.b"),
    "dot at the end": member("moshi/new.py."),
    "space at the end": member("moshi/new.py "),
    "symbolic link": member("moshi/link.py", stat.S_IFLNK | 0o777),
    "character device": member("moshi/device", stat.S_IFCHR),
    "block device": member("moshi/device", stat.S_IFBLK),
    "pipe": member("moshi/pipe", stat.S_IFIFO),
    "twice": member("moshi/lm.py"),
    "twice but for case": member("moshi/LM.py"),
    "harmful though not taken": member("moshi-1.0.dist-info/link", stat.S_IFLNK),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("info", HARMFUL.values(), ids=HARMFUL.keys())
def test_harmful_member_is_refused_even_when_pinned(
    checkout: Checkout, archive: Path, capsys: pytest.CaptureFixture[str], info: zipfile.ZipInfo
) -> None:
    data = make_wheel(FIRST, info)
    archive.write_bytes(data)
    write_pin(checkout, data, FIRST)
    assert repr(info.filename) in refused(["sync", "--archive", str(archive)], checkout, capsys)


@pytest.mark.parametrize("name", ["moshi-1.0.dist-info/top_level.txt", "moshi/c++.py", "moshi/a/", "moshi/_b-c.d.py"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    assert read_archive(make_wheel(FIRST, member(name)))[0].items() >= FIRST.items()


def test_package_licences_and_metadata_are_taken() -> None:
    assert read_archive(make_wheel(FIRST)) == (FIRST, METADATA.format(version="1.0"))


def test_a_licence_may_lie_beside_the_metadata_as_in_older_wheels() -> None:
    assert "LICENSE" in read_archive(make_wheel({"moshi-1.0.dist-info/LICENSE": b""}))[0]


def test_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vendoring.archive.MAX_BYTES", 100)
    with pytest.raises(Refused, match="unpacks to more than 100 bytes"):
        read_archive(make_wheel(FIRST))


def test_a_member_that_hides_its_size_is_damage_and_fills_no_memory() -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("moshi/lm.py", bytes(64 * 2**20))
    hidden = plain.getvalue().replace((64 * 2**20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="damaged"):
            read_archive(hidden)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_without_a_limit_is_refused(kind: int) -> None:
    info = member("moshi/new.py")
    info.compress_type = kind
    with pytest.raises(Refused, match=r"'moshi/new\.py', which is unsafe"):
        read_archive(make_wheel(FIRST, info))


def test_no_part_of_an_archive_passes_for_all_of_it() -> None:
    data = make_wheel(FIRST)
    for length in range(len(data)):
        with pytest.raises(Refused):
            read_archive(data[:length])


def test_a_changed_byte_is_damage() -> None:
    with pytest.raises(Refused, match="damaged"):
        read_archive(make_wheel(FIRST).replace(b"width = width", b"width = depth"))


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("moshi.LICENSE/\\:x\0é "), min_size=1), st.booleans())
def test_every_path_taken_stays_inside(name: str, inside: bool) -> None:
    try:
        paths = read_archive(make_wheel({}, member(f"moshi/{name}" if inside else name)))[0]
    except Refused:
        return
    for path in map(PurePosixPath, paths):
        assert not path.is_absolute()
        assert not {"..", "."} & {*path.parts}
        assert path.parts[0] == "moshi" or path.name.startswith("LICENSE")
