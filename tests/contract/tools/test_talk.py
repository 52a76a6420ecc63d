"""`scenario6 talk` against the real services, and against servers that refuse, keep waiting and break."""

import asyncio
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from moshi_service.protocol.events import EndEvent, QueueEvent
from moshi_service.protocol.wire import HANDSHAKE, text
from scenario6_client import recordings
from scenario6_client.address import chat_url
from scenario6_client.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, noise
from scenario6_client.captions import Terminal
from scenario6_client.conversation import Conversation
from scenario6_client.talk import Plan, talk
from support.portaudio import FakePortAudio
from support.services import BIN, Service, clean_environment

pytestmark = pytest.mark.anyio

type Treatment = Callable[[ServerConnection], Awaitable[None]]
TOKEN = "a-token"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def server(treat: Treatment, tls: trustme.CA | None = None) -> AsyncIterator[str]:
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.issue_cert("localhost").configure_cert(context)
    async with serve(treat, "127.0.0.1", 0, ssl=context) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"{'https' if tls else 'http'}://localhost:{port}"


@pytest.fixture
def question(tmp_path: Path) -> Path:
    recordings.write(tmp_path / "question.wav", noise(1.0))
    return tmp_path / "question.wav"


async def started(*arguments: str | Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        BIN / "scenario6",
        "talk",
        *arguments,
        env=clean_environment(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str | Path, **environment: str) -> tuple[int | None, str, str]:
    """Exit code, words and states."""
    process = await started(*arguments, **environment)
    async with asyncio.timeout(60):
        words, states = await process.communicate()
    return process.returncode, words.decode(), states.decode()


async def test_a_conversation_with_files_through_the_frontend(
    services: dict[str, Service], question: Path, tmp_path: Path
) -> None:
    answer, report = tmp_path / "answer.wav", tmp_path / "report.json"
    arguments: list[str | Path] = [
        "--in",
        question,
        "--out",
        answer,
        "--report",
        report,
        "--listen",
        "1",
        "--param",
        "seed=7",
    ]
    code, words, states = await run(services["frontend"].url, *arguments)
    assert code == 0, states
    told = json.loads(report.read_text())
    assert told["session"]["id"] in states
    assert (told["session"]["settings"]["text_seed"], told["problem"], told["close"]["code"]) == (7, None, 1000)
    assert told["frames"]["heard"] == told["frames"]["sent"] - 1
    assert words.split() == told["text"].split()
    with wave.open(str(answer)) as heard:
        assert heard.getframerate() == SAMPLE_RATE
        assert heard.getnframes() == pytest.approx(told["frames"]["heard"] * 1920, abs=1920)


@pytest.mark.usefixtures("signals_are_not_ignored")
async def test_ctrl_c_hangs_up_politely_and_keeps_what_was_heard(
    authority: trustme.CA, question: Path, tmp_path: Path
) -> None:
    """Over TLS, with a token, after a wait in the queue."""
    live, requests, closed = asyncio.Event(), [], []

    async def treat(socket: ServerConnection) -> None:
        assert socket.request
        requests.append((socket.request.path, socket.request.headers["Authorization"]))
        await socket.send(QueueEvent(position=1, wait_seconds=3).message())
        await socket.send(HANDSHAKE)
        await socket.send(text(" Hello"))
        async for message in socket:
            await socket.send(message)
            live.set()
        closed.append(socket.close_code)

    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    async with server(treat, authority) as url:
        arguments: list[str | Path] = [
            "--ca",
            tmp_path / "ca.pem",
            "--in",
            question,
            "--out",
            tmp_path / "answer.wav",
            "--listen",
            "600",
        ]
        process = await started(url, *arguments, MOSHI_API_TOKEN=TOKEN)
        async with asyncio.timeout(60):
            await live.wait()
            process.send_signal(signal.SIGINT)
            words, states = await process.communicate()
    assert (process.returncode, closed) == (130, [1000])
    assert requests == [("/api/chat?protocol=2", f"Bearer {TOKEN}")]
    assert words.decode() == "Hello\n"
    assert "in the queue: place 1, about 3 s" in states.decode()
    assert "Traceback" not in states.decode()
    assert (tmp_path / "answer.wav").stat().st_size > 1000


async def test_a_conversation_with_a_sound_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is a stand-in. A cancellation is what asyncio makes of Ctrl-C."""
    card, closed = FakePortAudio(), []
    monkeypatch.setitem(sys.modules, "sounddevice", card)

    async def treat(socket: ServerConnection) -> None:
        await socket.send(HANDSHAKE)
        await socket.send(text(" Hello"))
        async for message in socket:
            await socket.send(message)
        closed.append(socket.close_code)

    words, states, conversation = io.StringIO(), io.StringIO(), Conversation()
    async with server(treat) as url:
        terminal = Terminal(words, states, time.monotonic)
        talking = asyncio.create_task(talk(Plan(chat_url(url)), terminal, conversation))
        async with asyncio.timeout(30):
            while conversation.handshake_seconds is None:
                await asyncio.sleep(0.01)
            for _ in range(4):
                card.hears(noise(FRAME_SECONDS))
            while len(conversation.heard) < 4:
                await asyncio.sleep(0.01)
        heard = card.plays(3 * FRAME)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        async with asyncio.timeout(10):
            while not closed:
                await asyncio.sleep(0.01)
    assert (closed, words.getvalue(), card.closed) == ([1000], "Hello", ["microphone", "speaker"])
    assert "live: speak" in states.getvalue()
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_reader_of_its_output_that_leaves_does_not_end_it(question: Path, tmp_path: Path, stream: str) -> None:
    """As `head` does."""
    answer, report = tmp_path / "answer.wav", tmp_path / "report.json"

    async def treat(socket: ServerConnection) -> None:
        await socket.send(HANDSHAKE)
        async for message in socket:
            await socket.send(text(" Hello"))
            await socket.send(message)

    reader, writer = os.pipe()
    os.close(reader)
    async with server(treat) as url:
        arguments: list[str | Path] = [
            "talk",
            url,
            "--in",
            question,
            "--listen",
            "1",
            "--out",
            answer,
            "--report",
            report,
        ]
        pipe = asyncio.subprocess.PIPE
        out, err = (writer, pipe) if stream == "stdout" else (pipe, writer)
        process = await asyncio.create_subprocess_exec(
            BIN / "scenario6", *arguments, env=clean_environment(), stdout=out, stderr=err
        )
        os.close(writer)
        async with asyncio.timeout(60):
            words, states = await process.communicate()
    assert process.returncode == 0
    assert "Hello Hello" in json.loads(report.read_text())["text"]
    assert answer.stat().st_size > 1000
    assert "BrokenPipeError" not in (states or b"").decode()
    assert stream == "stdout" or words.decode().startswith("Hello Hello")


async def refuse(socket: ServerConnection) -> None:
    await socket.send(EndEvent(code=1013, reason="full: every slot is in use", error="queue-full").message())
    await socket.close(1013, "full: every slot is in use; Retry-After: 9")


async def keep_waiting(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def break_off(socket: ServerConnection) -> None:
    await socket.send(HANDSHAKE)
    await socket.recv()
    socket.transport.abort()


@pytest.mark.parametrize(
    ("treat", "exit_code", "says"),
    [
        (refuse, 1, "[queue-full] full: every slot is in use"),
        (keep_waiting, 1, "[waited-too-long] the conversation did not begin within 1 s"),
        (break_off, 1, "[conversation-broke]"),
    ],
)
async def test_a_conversation_that_fails_is_one_line_with_a_code(
    question: Path, treat: Treatment, exit_code: int, says: str
) -> None:
    async with server(treat) as url:
        code, words, states = await run(url, "--in", question, "--wait", "1")
    assert (code, words) == (exit_code, "")
    assert states.splitlines()[-1].startswith(f"scenario6: {says}")


async def test_a_certificate_of_an_unknown_authority_is_explained(authority: trustme.CA, question: Path) -> None:
    async with server(keep_waiting, authority) as url:
        code, _, states = await run(url, "--in", question)
    assert code == 3
    assert "[certificate-not-trusted]" in states and "--ca FILE" in states


def test_without_a_sound_card_it_names_the_way_with_files() -> None:
    """Machines for tests have no PortAudio, or PortAudio without a device."""
    ended = subprocess.run(
        [sys.executable, "-m", "scenario6_client", "talk", "http://localhost:9"], capture_output=True, text=True
    )
    assert ended.returncode == 3
    last = ended.stderr.splitlines()[-1]
    assert "[sound-library-missing]" in last or "-not-opened]" in last
