"""What set-up says on a machine that lacks something: one line, exit code 3, nothing begun."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.window import make_run

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout on which set-up never ran, with a PATH of its own in `bin`."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for program in ("sh", "dirname", "awk", "df", "uname", "cat", "grep", "mkdir", "rm", "sed", "tee", "touch"):
        found = shutil.which(program)
        assert found
        (tmp_path / "bin" / program).symlink_to(found)
    return tmp_path


def program(checkout: Path, name: str, script: str) -> None:
    file = checkout / "bin" / name
    file.unlink(missing_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def python(checkout: Path) -> None:
    (checkout / "bin/python3.12").symlink_to(Path(sys.base_prefix) / "bin/python3.12")


def refused(checkout: Path, script: str = "tools/preflight") -> str:
    """The one line that it prints."""
    ran = subprocess.run(
        [checkout / script],
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.startswith("scenario6: ")
    assert ran.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()
    assert not (checkout / ".bootstrap").exists()
    return ran.stderr


def test_no_python_3_12(checkout: Path) -> None:
    assert "Python 3.12" in refused(checkout)


def test_a_python_3_12_that_does_not_run_is_none(checkout: Path) -> None:
    program(checkout, "python3.12", "echo 'version not selected' >&2; exit 127")
    assert "Python 3.12" in refused(checkout)


def test_no_disk_space(checkout: Path) -> None:
    python(checkout)
    program(checkout, "npm", "exit 0")
    program(checkout, "node", "exit 0")
    program(checkout, "df", "echo header; echo '/dev/a 9000000 8000000 1048576 90% /'")
    assert "7 GiB of disk space here, 1 GiB are free" in refused(checkout)


def test_no_node(checkout: Path) -> None:
    python(checkout)
    assert "Node.js was not found" in refused(checkout)


def test_no_browsers_and_nobody_who_may_install_them(checkout: Path) -> None:
    program(checkout, "id", "echo 1000")
    program(checkout, "firefox-esr", "exit 0")
    line = refused(checkout, "tools/test-packages")
    assert "(on Debian: sudo apt-get install chromium chromium-driver webkit2gtk-driver" in line
    assert " iproute2" in line


def test_browsers_that_cannot_be_installed(checkout: Path) -> None:
    program(checkout, "id", "echo 0")
    program(checkout, "apt-get", "exit 100")
    assert "[apt-get-failed] apt-get could not install chromium" in refused(checkout, "tools/test-packages")


def test_node_without_npm(checkout: Path) -> None:
    python(checkout)
    program(checkout, "node", 'case "$1" in --version) echo v20.19.2;; esac')
    line = refused(checkout)
    said = "npm was not found, but Node.js v20.19.2 was; install npm (on Debian: apt install npm)"
    assert line == f"scenario6: [npm-missing] {said}\n"


def test_an_old_node(checkout: Path) -> None:
    python(checkout)
    program(checkout, "npm", "exit 0")
    program(checkout, "node", 'case "$1" in --version) echo v18.20.4;; *) exit 1;; esac')
    assert "v18.20.4" in refused(checkout)


PIP_WITHOUT_A_NETWORK = """
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('...: [Errno -3] Temporary failure in
name resolution')': /simple/uv/
ERROR: Could not find a version that satisfies the requirement uv==0.13.9 (from versions: none)
ERROR: No matching distribution found for uv==0.13.9
"""


def fake_python(checkout: Path, pip: str) -> None:
    """A Python 3.12 that does nothing, and whose environments have this `pip`."""
    (checkout / "pip").write_text(f"#!/bin/sh\n{pip}\n")
    (checkout / "pip").chmod(0o755)
    script = (
        'case "$1 $2" in "-m venv") mkdir "$3" "$3/bin"; ln -s "$PWD/pip" "$3/bin/pip";;\n'
        '"-c import sys; print(sys.executable)") echo "$0";; esac'
    )
    (checkout / "bin/ln").symlink_to(shutil.which("ln") or "")
    program(checkout, "python3.12", script)


def fake_uv(checkout: Path, script: str) -> None:
    (checkout / ".bootstrap/bin").mkdir(parents=True)
    (checkout / ".bootstrap/bin/uv").write_text(f"#!/bin/sh\n{script}\n")
    (checkout / ".bootstrap/bin/uv").chmod(0o755)
    (checkout / ".bootstrap/.ready").touch()
    (checkout / ".venv").mkdir()


def run(checkout: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": str(checkout / "bin"), "HOME": str(checkout)}
    return subprocess.run([checkout / "tools" / script], env=known | environment, capture_output=True, text=True)


def test_without_a_network_there_is_one_line(checkout: Path) -> None:
    fake_python(checkout, f'echo "{PIP_WITHOUT_A_NETWORK}" >&2; exit 1')
    done = run(checkout, "setup-python")
    assert done.returncode == 3
    assert done.stdout == "scenario6: installing uv into .bootstrap (20 MB)\n"
    assert done.stderr.startswith(
        "scenario6: [download-failed] uv could not be downloaded, because the package index cannot be reached: "
    )
    assert done.stderr.count("\n") == 1
    assert (checkout / ".bootstrap/pip.log").read_text().strip() == PIP_WITHOUT_A_NETWORK.strip()


def test_another_failure_of_pip_is_shown(checkout: Path) -> None:
    fake_python(checkout, "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1")
    done = run(checkout, "setup-python")
    assert done.returncode == 3
    said = "uv could not be installed; the message above says why. Nothing is lost: run it again"
    assert done.stderr.splitlines() == [
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
        f"scenario6: [install-failed] {said}",
    ]


def test_large_downloads_are_shown_and_single_packages_are_not(checkout: Path) -> None:
    fake_python(checkout, "exit 1")
    printed = "Downloading torch (759.6MiB)\n + torch==2.4.1\n Downloaded torch"
    fake_uv(checkout, f"case \"$*\" in 'pip sync'*) echo '{printed}' >&2;; esac")
    done = run(checkout, "setup-python")
    assert done.returncode == 0, done.stderr
    assert "scenario6:   Downloading torch (759.6MiB)\nscenario6:   Downloaded torch\n" in done.stdout
    assert "+" not in done.stdout + done.stderr
    assert (checkout / ".venv/.ready").exists()
    (checkout / ".bootstrap/bin/uv").write_text(
        "#!/bin/sh\ncase \"$*\" in 'pip sync'*) echo 'error: dns error' >&2; exit 2;; esac\n"
    )
    (checkout / ".venv/.ready").unlink()
    done = run(checkout, "setup-python")
    assert done.returncode == 3
    assert "the Python packages could not be downloaded, because the package index cannot be reached" in done.stderr
    assert not (checkout / ".venv/.ready").exists()


def test_uv_brings_python_where_it_is_asked_to(checkout: Path) -> None:
    """As on Debian 12, whose Python is 3.11."""
    fake_python(checkout, "exit 1")
    python_3_12 = (checkout / "bin/python3.12").rename(checkout / "bin/made")
    program(checkout, "python3", 'case "$2" in *"(3, 12)"*) exit 1;; esac')
    program(checkout, "node", 'case "$1" in --version) echo v20.19.2;; esac')
    program(checkout, "npm", "exit 0")
    made = ".state/python/cpython-3.12.11-linux-x86_64-gnu/bin"
    fake_uv(
        checkout,
        f'echo "$UV_PYTHON_DOWNLOADS $*" >>asked\n'
        f'case "$*" in "python install"*) mkdir -p {made}; ln -s {python_3_12} {made}/python3.12;; esac',
    )
    assert run(checkout, "preflight").returncode == 3
    assert run(checkout, "preflight", PYTHON="download").returncode == 0
    done = run(checkout, "setup-python", PYTHON="download")
    assert done.returncode == 0, done.stderr
    asked = (checkout / "asked").read_text().splitlines()
    assert asked[0] == "manual python install --quiet --no-bin --install-dir .state/python 3.12"
    assert asked[1].startswith("never venv --quiet --python ") and asked[1].endswith(f"{made}/python3.12 .venv")
    assert run(checkout, "preflight").returncode == 0, "from then on it is found without being named"


def test_ctrl_c_in_a_terminal_is_an_orderly_end_of_make_too(tmp_path: Path) -> None:
    with make_run(tmp_path) as window:
        printed = window.printed.encode()
        os.write(window.leader, b"\x03")
        try:
            while chunk := os.read(window.leader, 65_536):
                printed += chunk
        except OSError:
            pass  # the last program has closed the terminal
        assert window.process.wait(15) == 0, printed.decode()
        os.close(window.leader)
