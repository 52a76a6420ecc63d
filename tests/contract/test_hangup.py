"""The terminal of a service is closed (SIGHUP): it ends as on SIGTERM."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from support.chatting import closing, handshake, metadata
from support.services import running_frontend, running_moshi
from support.window import make_run

pytestmark = pytest.mark.usefixtures("hangup_is_not_ignored")


@pytest.mark.anyio
async def test_moshi_drains(tmp_path: Path) -> None:
    with running_moshi(tmp_path, {"MOSHI_SLOTS": "1", "MOSHI_DRAIN_SECONDS": "60"}) as moshi:
        async with connect(moshi.chat + "?protocol=2") as live:
            await metadata(live, "session")
            moshi.process.send_signal(signal.SIGHUP)
            assert (await metadata(live, "warning"))["why"] == "draining"
        assert await asyncio.to_thread(moshi.process.wait, 30) == 0


@pytest.mark.anyio
async def test_the_frontend_ends_conversations_properly(tmp_path: Path) -> None:
    with running_moshi(tmp_path, {"MOSHI_SLOTS": "1"}) as moshi, running_frontend(tmp_path, moshi) as frontend:
        async with connect(frontend.chat) as live:
            await handshake(live)
            frontend.process.send_signal(signal.SIGHUP)
            assert (await closing(live))[0] == 1001
        assert await asyncio.to_thread(frontend.process.wait, 30) == 0


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
