"""What set-up says on a machine that lacks something: one line, exit code 3, nothing begun."""

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.services import clean_environment, free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout on which set-up never ran, with a PATH of its own in `bin`."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for program in ("sh", "dirname", "awk", "df", "uname"):
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


def refused(checkout: Path) -> str:
    """The one line that it prints."""
    ran = subprocess.run(
        [checkout / "tools/preflight"],
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


def test_an_old_node(checkout: Path) -> None:
    python(checkout)
    program(checkout, "npm", "exit 0")
    program(checkout, "node", 'case "$1" in --version) echo v18.20.4;; *) exit 1;; esac')
    assert "v18.20.4" in refused(checkout)


def test_ctrl_c_in_a_terminal_is_an_orderly_end_of_make_too(tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@{sys.executable} {ROOT / 'tools' / 'run'}\n")
    environment = clean_environment(
        MOSHI_PORT=str(free_port()),
        FRONTEND_PORT=str(free_port()),
        MOSHI_STATE_DIR=str(tmp_path / "moshi"),
        FRONTEND_STATE_DIR=str(tmp_path / "frontend"),
    )
    # pty.fork() would fork a process with threads; a session leader that opens a terminal gets it as its own.
    leader, follower = pty.openpty()
    script = f"import os; os.close(os.open({os.ttyname(follower)!r}, os.O_RDWR)); os.execvp('make', ['make', 'run'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    printed = b""
    deadline = time.monotonic() + 120
    try:
        while b"ready: open" not in printed:
            assert time.monotonic() < deadline, printed.decode()
            printed += os.read(leader, 65_536)
        os.write(leader, b"\x03")
        try:
            while chunk := os.read(leader, 65_536):
                printed += chunk
        except OSError:
            pass  # the last program has closed the terminal
        assert process.wait(15) == 0, printed.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)
