"""Upstream's ranges: read, compared with a lock, put into our packaging."""

import tomllib

import pytest

from support.vendored import COMMIT
from vendoring.made import outdated_in, packaging, requirements
from vendoring.manifest import UNKNOWN, Refused, Release

METADATA = """\
Metadata-Version: 2.4
Name: moshi
Requires-Python: <3.15,>=3.10
Requires-Dist: torch<2.10,>=2.2.0
Requires-Dist: Huggingface_Hub<1,>=0.24
Requires-Dist: bitsandbytes<0.50; sys_platform == "linux"
Requires-Dist: colorama; sys_platform == "win32"
Requires-Dist: pytest; extra == "dev"

Requires-Dist: not-in-the-header
"""
LOCK = """\
torch==2.4.1 \\
    --hash=sha256:00
huggingface-hub==0.36.0 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32'
"""
RELEASE = Release("1.2.3", COMMIT, "moshi-1.2.3.tar.gz", "0" * 64)


def test_ranges_are_read_with_their_markers_and_without_extras() -> None:
    assert requirements(METADATA) == {
        "torch": ">=2.2.0,<2.10",
        "huggingface-hub": ">=0.24,<1",
        "bitsandbytes": '<0.50; sys_platform == "linux"',
        "colorama": '; sys_platform == "win32"',
    }


def test_a_range_that_is_not_understood_is_refused() -> None:
    with pytest.raises(Refused, match="asks for 'torch two'"):
        requirements("Requires-Dist: torch two\n")


@pytest.mark.parametrize("commit", [COMMIT, UNKNOWN])
def test_our_packaging_takes_the_ranges_but_not_what_we_do_not_run(commit: str) -> None:
    text = packaging(Release("1.2.3", commit, RELEASE.archive, RELEASE.sha256), METADATA, {"LICENSE": "MIT"})
    project = tomllib.loads(text)["project"]
    assert project["dependencies"] == [
        "colorama; sys_platform == 'win32'",
        "huggingface-hub>=0.24,<1",
        "torch>=2.2.0,<2.10",
    ]
    assert project["requires-python"] == ">=3.10,<3.15"
    source = project["urls"]["Source"]
    assert source.endswith(f"/tree/{COMMIT}") if commit == COMMIT else "/tree/" not in source
    assert "#   bitsandbytes: its 8-bit weights" in text


def test_a_lock_that_fits() -> None:
    assert outdated_in(LOCK, METADATA) == []


def test_a_lock_that_does_not_fit_says_what_is_wrong() -> None:
    metadata = METADATA.replace("torch<2.10,>=2.2.0", "torch>=2.6").replace("colorama;", "termcolor;")
    assert outdated_in(LOCK, metadata) == ["torch 2.4.1 is locked, not >=2.6", "termcolor is not locked"]
