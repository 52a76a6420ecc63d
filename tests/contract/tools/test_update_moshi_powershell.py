"""tools/update_moshi.ps1 does what tools/update_moshi.sh does, where there is a PowerShell to ask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.vendored import copy_tool

ROOT = Path(__file__).parents[3]
POWERSHELL = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(POWERSHELL is None, reason="no pwsh on this machine")

Done = subprocess.CompletedProcess[str]


def powershell(*arguments: str | Path, **environment: str) -> Done:
    assert POWERSHELL
    command = [POWERSHELL, "-NoProfile", "-NonInteractive", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The tool in a folder whose name is hard to pass on, without an environment."""
    folder = tmp_path / "a 'folder' of [mine]"
    tools = folder / "tools"
    tools.mkdir(parents=True)
    for name in ("update_moshi.sh", "update_moshi.ps1"):
        shutil.copy(ROOT / "tools" / name, tools)
    copy_tool(folder)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify"],
        ["sync"],
        ["--help"],
        [],
        ["frobnicate"],
        ["some command"],
        ["verify", "--nope"],
        ["sync", "--archive", "no such/archive with spaces.whl"],
        ["sync", "--force", "--archive=no such/archive with spaces.whl"],
    ],
    ids=" ".join,
)
def test_the_same_words_and_exit_code(arguments: list[str]) -> None:
    expected = subprocess.run([ROOT / "tools/update_moshi.sh", *arguments], capture_output=True, text=True)
    done = powershell("-File", ROOT / "tools/update_moshi.ps1", *arguments)
    assert (done.stdout, done.stderr, done.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.parametrize("redirect", ["2>&1", "2>$null", "*>&1"])
def test_redirecting_its_errors_neither_stops_it_nor_changes_how_it_ends(redirect: str) -> None:
    call = f"& '{ROOT}/tools/update_moshi.ps1' frobnicate {redirect} | ForEach-Object {{ \"$_\" }}"
    done = powershell("-Command", f"$ErrorActionPreference = 'Stop'; {call}; exit $LASTEXITCODE")
    assert done.returncode == 2
    assert ("invalid choice" in done.stdout) is (redirect != "2>$null")


def test_an_environment_whose_python_is_gone(checkout: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to("python-that-is-gone")
    done = powershell("-File", checkout / "tools/update_moshi.ps1", "--help", PYTHON=sys.executable)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: ")


def test_no_python_at_all(checkout: Path, tmp_path: Path) -> None:
    done = powershell("-File", checkout / "tools/update_moshi.ps1", "verify", PATH=str(tmp_path), PYTHON="")
    assert (done.returncode, done.stderr) == (
        3,
        "update_moshi: needs Python 3.11 or newer; install it, or name it in PYTHON\n",
    )
