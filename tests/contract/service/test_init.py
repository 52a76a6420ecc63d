"""A service as process 1: orphans are reaped, signals reach it, its exit code is passed on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.services import BIN, clean_environment

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]
ALONE = subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
as_process_1 = pytest.mark.skipif(not ALONE, reason="no right to make a PID namespace")


def run_as_process_1(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NAMESPACE, sys.executable, "-c", script], capture_output=True, text=True, timeout=60)


@as_process_1
@pytest.mark.parametrize(("ends", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)])
def test_the_exit_code_is_passed_on(ends: str, code: int) -> None:
    split = "import os, sys; from moshi_service.init import split_off_init as split; split();"
    assert run_as_process_1(f"{split} {ends}").returncode == code


@as_process_1
def test_a_subprocess_keeps_its_status() -> None:
    script = (
        "import subprocess; from moshi_service.init import split_off_init as split; split();"
        "print([subprocess.run(['sh', '-c', f'exit {n}']).returncode for n in range(5)])"
    )
    assert run_as_process_1(script).stdout == "[0, 1, 2, 3, 4]\n"


@as_process_1
@pytest.mark.parametrize("command", [["moshi-frontend"], ["moshi-backend", "serve"]])
def test_an_orphan_is_reaped_and_a_stop_is_orderly(command: list[str], tmp_path: Path) -> None:
    """A shell starts an orphan and becomes the service, which then is process 1 with a child that it does not know."""
    program = BIN / command[0]
    script = f"(sh -c 'sleep 0 & exec true' &); exec {program} {' '.join(command[1:])}"
    environment = clean_environment(MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT="0", MOSHI_PORT="0")
    environment |= {"MOSHI_TLS": "off", "MOSHI_STATE_DIR": str(tmp_path), "FRONTEND_STATE_DIR": str(tmp_path)}
    outer = subprocess.Popen([*NAMESPACE, "sh", "-c", script], env=environment, stderr=subprocess.PIPE, text=True)
    assert outer.stderr is not None
    try:
        assert any("listening on" in line for line in outer.stderr)
        first = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        deadline = time.monotonic() + 30
        while zombies := [pid for pid in children(first) if state(pid) == "Z"]:
            assert time.monotonic() < deadline, f"zombies: {zombies}"
            time.sleep(0.05)
        os.kill(first, signal.SIGTERM)
        outer.stderr.read()
        assert outer.wait(60) == 0
    finally:
        outer.kill()
        outer.wait()
        outer.stderr.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
