"""The moshi service ends soon and with exit code 0, whenever it is told to, and its clients learn it."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.client import Conversation, converse, encode, noise
from moshi_service.protocol.events import EndEvent, WarningEvent
from support.services import descendants, is_there, running_moshi

SLOTS = 16
END_SECONDS = 10.0
"""From the end of the drain to the end of the process. It takes a second; this allows for a slow machine."""

SLOW_TEARDOWN = "import atexit, time; atexit.register(time.sleep, 600)"


def test_what_libraries_do_at_the_end_delays_nothing(tmp_path: Path) -> None:
    """PyTorch's own teardown takes 2 s, and 10 s on a busy machine."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_TEARDOWN)
    with running_moshi(tmp_path, {"PYTHONPATH": str(tmp_path)}) as moshi:
        assert moshi.stop() == 0


@pytest.mark.parametrize("phase", ["listening on", ": load:", ": warm-up:"])
def test_it_ends_in_every_phase_of_its_start(tmp_path: Path, phase: str) -> None:
    """While the engine loads in a thread, an ordinary end of the interpreter aborts."""
    with running_moshi(tmp_path, wait=False) as moshi:
        deadline = time.monotonic() + 90
        while phase not in moshi.log.read_text():
            assert time.monotonic() < deadline, moshi.log.read_text()
            time.sleep(0.005)
        assert moshi.stop() == 0, moshi.log.read_text()
        assert "terminate called" not in moshi.log.read_text()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("signals", "drain"),
    [((signal.SIGTERM,), 1.0), ((signal.SIGTERM, signal.SIGTERM), 600.0), ((signal.SIGINT,), 600.0)],
    ids=["SIGTERM", "SIGTERM twice", "SIGINT"],
)
async def test_with_every_slot_talking_each_client_learns_that_it_ends(
    signals: tuple[signal.Signals, ...], drain: float, tmp_path: Path
) -> None:
    """Only a first SIGTERM leaves conversations the time of a drain."""
    messages = encode(noise(60.0))
    settings = {"MOSHI_SLOTS": str(SLOTS), "MOSHI_QUEUE": "1", "MOSHI_DRAIN_SECONDS": str(drain)}
    with running_moshi(tmp_path, settings) as moshi:
        clients = [Conversation(planned=len(messages)) for _ in range(SLOTS + 1)]
        *live, waiting = clients
        talks = []
        for client in clients:
            if client is waiting:
                await _until(lambda: all(len(one.heard) > 12 for one in live))
            talk = converse(f"{moshi.chat}?protocol=2", messages, patience=60, keep_audio=False, into=client)
            talks.append(asyncio.create_task(talk))
        await waiting.answered.wait()
        children = descendants(moshi.process.pid)
        for number in signals:
            moshi.process.send_signal(number)
            if number is signal.SIGTERM:
                await _until(lambda: all(one.close_code or _is_warned(one) for one in live))
        limit = END_SECONDS + (drain if signals == (signal.SIGTERM,) else 0)
        assert await asyncio.to_thread(moshi.process.wait, limit) == 0
        await asyncio.gather(*talks)
    reason = "the service is shutting down"
    for client in clients:
        assert (client.close_code, client.close_reason) == (1001, reason)
        assert client.events[-1] == EndEvent(code=1001, reason=reason, error="shutting-down")
    log = moshi.log.read_text()
    assert log.count(f": ends (1001 [shutting-down] {reason})") == SLOTS + 1
    assert not re.search(r"Traceback| ERROR ", log), log
    assert [child for child in children if is_there(child)] == []


def _is_warned(client: Conversation) -> bool:
    return any(isinstance(event, WarningEvent) for event in client.events)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not true():
            await asyncio.sleep(0.02)
