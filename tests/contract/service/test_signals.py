"""Signals before a server handles them, and the closed terminal of a service (SIGHUP), which ends it as SIGTERM does.

`moshi/test_limits.py` and `frontend/test_command.py` send signals to each service.
"""

import os
import signal
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_during_an_import_is_not_lost(number: signal.Signals) -> None:
    """Python drops every exception in a callback of a weak reference, of which its import system has one."""
    script = (
        "import signal, weakref; from moshi_service.signals import exit_on_termination; exit_on_termination();"
        f"thing = type('Thing', (), {{}})(); seen = weakref.ref(thing, lambda _: signal.raise_signal({number}));"
        "del thing; print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
