"""`loadtest` against real sockets: a server that treats each client differently, and the real service."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from loadtest.figures import Figures, deficit, outcome
from loadtest.load import Outcome, Plan, run
from loadtest.report import figures
from moshi_service.protocol.events import QueueEvent
from moshi_service.protocol.wire import HANDSHAKE
from support.services import BIN, free_port, running_moshi

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

FRAMES = 12
SECONDS = FRAMES * 0.08

type Treatment = Callable[[ServerConnection], Awaitable[None]]


async def well(socket: ServerConnection, answers: int = 10_000) -> None:
    """As Moshi does: a handshake, then an answer for each frame of input but the first."""
    await socket.send(HANDSHAKE)
    before = None
    async for message in socket:
        if before is not None:
            await socket.send(before)
            answers -= 1
        if not answers:
            return
        before = message


async def refused(socket: ServerConnection) -> None:
    await socket.close(1013, "full")


async def ignored(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def cut_off(socket: ServerConnection) -> None:
    await well(socket, answers=4)
    await socket.close(1011, "engine failed")


async def kept_waiting(socket: ServerConnection) -> None:
    await socket.send(QueueEvent(position=1, wait_seconds=1).message())
    await asyncio.sleep(0.08 * 8)
    await well(socket)


@asynccontextmanager
async def server(*treatments: Treatment) -> AsyncIterator[str]:
    """One that treats its first client in the first way, and so on; the last way is for all others."""
    waiting = list(treatments)

    async def treat(socket: ServerConnection) -> None:
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(socket)

    async with serve(treat, "127.0.0.1", 0) as listening:
        yield f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/api/chat"


async def measured(plan: Plan) -> tuple[Figures, Outcome]:
    result = await run(replace(plan, seconds=SECONDS, start_timeout=0.5))
    return figures(plan, result), result


async def test_refused_hung_and_cut_off_clients_stay_in_the_figures() -> None:
    async with server(well, refused, ignored, cut_off) as url:
        report, _ = await measured(Plan(url, sessions=4, queue_patience=1.0))
    assert (report.served, report.refused, report.hung, report.unreachable) == (2, 1, 1, 0)
    assert report.goodput == pytest.approx((FRAMES - 1 + 4) / (4 * (FRAMES - 1)), abs=1e-4)
    assert report.deficit_frames == FRAMES - 1 - 4
    assert report.ends == {"left by itself": 1, "1013 full": 1, "gave up waiting": 1, "1011 engine failed": 1}
    assert not report.held


async def test_a_good_server_is_reported_as_one() -> None:
    async with server(well) as url:
        report, _ = await measured(Plan(url, sessions=3))
    assert (report.served, report.goodput, report.deficit_frames, report.held) == (3, 1.0, 0, True)
    assert report.ends == {"left by itself": 3}


async def test_whoever_waits_in_a_queue_is_counted_and_loses_goodput_but_does_not_hold_up_the_others() -> None:
    async with server(well, kept_waiting) as url:
        report, result = await measured(Plan(url, sessions=2, queue_patience=3.0))
    assert (report.served, report.queued) == (2, 1)
    prompt, late = sorted(result.conversations, key=lambda conversation: conversation.handshake_seconds or 0)
    assert (len(prompt.sent), deficit(prompt)) == (FRAMES, 0)
    assert prompt.sent[0] - result.started < late.sent[0] - result.started
    assert 0 < len(late.sent) < FRAMES
    assert report.goodput < 0.99


async def test_with_churn_others_join_and_a_refusal_is_no_reason_to_hammer() -> None:
    async with server(well, well, refused) as url:
        result = await run(Plan(url, sessions=2, seconds=3.0, churn=0.8))
    kinds = [outcome(conversation) for conversation in result.conversations]
    assert kinds[:2] == ["served", "served"]
    # Each stays, or stays away, 0.4 s at least.
    assert 3 <= len(kinds) <= 2 * 3.0 / 0.4 + 2
    assert set(kinds[2:]) == {"refused"}


async def test_an_abusive_client_is_in_no_figure_but_its_own() -> None:
    async with server(well, cut_off) as url:
        report, result = await measured(Plan(url, abusive=("flood",)))
    assert (report.sessions, report.conversations, report.held) == (1, 1, True)
    (flood,) = result.endings
    assert (flood.kind, flood.code, flood.reason) == ("flood", 1011, "engine failed")
    assert flood.ended_seconds is not None


def test_where_nobody_listens_it_says_so_in_one_line() -> None:
    ended = subprocess.run(
        [BIN / "loadtest", f"ws://127.0.0.1:{free_port()}/api/chat", "--seconds", "1"], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "cannot reach" in ended.stderr


def test_the_command_tells_the_truth_about_the_real_service(tmp_path: Path) -> None:
    file, picture = tmp_path / "run.json", tmp_path / "run.png"
    with running_moshi(tmp_path, {"MOSHI_SLOTS": "3"}) as moshi:
        wanted = ["--sessions", "2", "--seconds", "3", "--protocol", "2", "--abusive", "garbage"]
        ended = subprocess.run(
            [BIN / "loadtest", moshi.chat, *wanted, "--json", file, "--plot", picture], capture_output=True, text=True
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads(file.read_text())
    measured = report["figures"]
    assert (measured["sessions"], measured["served"], measured["refused"], measured["hung"]) == (2, 2, 0, 0)
    for client in report["clients"]:
        assert client["frames"]["sent"] == client["frames"]["planned"] == round(3 / 0.08)
        assert client["frames"]["heard"] + client["deficit_frames"] == client["frames"]["sent"] - 1
    assert measured["lag_ms"]["count"] == sum(client["frames"]["heard"] for client in report["clients"])
    assert report["server_says"]["step_ms"]["count"] >= 2
    (abusive,) = report["abusive"]
    assert (abusive["kind"], abusive["code"]) == ("garbage", 1007)
    assert "garbage" in ended.stdout
    assert f"{measured['goodput']:.2%}" in ended.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
