"""The terminal of a service is closed (SIGHUP): it ends as on SIGTERM.

`test_moshi_limits.py` and `test_frontend_command.py` send the signal to each service.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.window import make_run

pytestmark = pytest.mark.usefixtures("signals_are_not_ignored")


def test_nohup_keeps_its_meaning() -> None:
    script = (
        "import signal; from moshi_service.signals import treat_hangup_as_termination as treat;"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); treat(); signal.raise_signal(signal.SIGHUP); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_closing_the_window_of_make_run_ends_both_services(tmp_path: Path) -> None:
    with make_run(tmp_path) as window:
        os.close(window.leader)
        deadline = time.monotonic() + 60
        while any(answers(port) for port in window.ports):
            assert time.monotonic() < deadline, "a service goes on without its terminal"
            time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
