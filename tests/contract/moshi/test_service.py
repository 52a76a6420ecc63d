"""The moshi service as its clients see it: a process of its own, real sockets, real Opus, the tests' random model."""

import asyncio
import json
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from loadtest.client import converse, encode, noise
from moshi_service.protocol.events import SessionEvent, StatsEvent
from support.chatting import KIND_AUDIO, KIND_PING, closing, handshake, slots_become, used_slots
from support.services import BIN, Service, clean_environment, free_port, running_moshi

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

SLOTS = 2


@pytest.fixture(scope="module")
def moshi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_moshi(tmp_path_factory.mktemp("moshi"), {"MOSHI_SLOTS": str(SLOTS)}) as service:
        yield service


def test_it_says_that_it_is_alive_ready_and_what_it_is(moshi: Service) -> None:
    assert moshi.get("/alive").json() == {"status": "alive"}
    health = moshi.get("/health")
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["progress"]) == ("ready", 1.0)
    info = moshi.get("/api/info").json()
    assert (info["model"]["revision"], info["model"]["demo"]) == (None, False)
    pin = tomllib.loads((Path(__file__).parents[3] / "MOSHI_VERSION").read_text())
    assert info["upstream"] == {"version": pin["version"], "commit": pin["commit"]}
    assert (info["sample_rate"], info["frame_size"]) == (24000, 1920)
    assert info["slots"] == {"total": SLOTS, "used": 0}
    assert info["context_seconds"] == pytest.approx(256 * 0.08, abs=0.05)
    assert info["limits"]["queue"] == 8
    assert info["settings"]["audio_temperature"] == {"type": "number", "minimum": 0, "maximum": 2, "default": 0.8}
    assert info["settings"]["seed"]["default"] is None


async def test_the_same_seed_and_input_give_the_same_conversation(moshi: Service) -> None:
    messages = encode(noise(2.0))
    settings = "?audio_seed=4&text_seed=5&audio_temperature=1.1&audio_topk=40"
    first, second = [await converse(moshi.chat + settings, messages) for _ in range(2)]
    beside, third = await asyncio.gather(
        converse(moshi.chat, encode(noise(2.0, seed=9))), converse(moshi.chat + settings, messages)
    )
    assert first.text == second.text == third.text
    np.testing.assert_array_equal(first.samples(), second.samples())
    # In another slot the model's samples differ in their last bits, from which Opus may make audible noise.
    assert difference(first.samples(), third.samples()) < 0.4
    assert difference(first.samples(), beside.samples()) > 1.0


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The energy of the difference, in parts of the signal's: 0 for the same, about 2 for two of the same loudness."""
    return float(((one - other) ** 2).sum() / (one**2).sum())


async def test_a_setting_out_of_range_is_refused_with_what_it_takes(moshi: Service) -> None:
    async with connect(moshi.chat + "?text_temperature=hot") as socket:
        assert await closing(socket) == (4001, "text_temperature='hot': takes a number from 0 to 2")
    await slots_become(moshi, 0)


async def test_a_conversation_is_heard_and_read(moshi: Service) -> None:
    said = await converse(moshi.chat, encode(noise(4.0)))
    assert said.close_code == 1000
    assert len(said.heard) == len(said.sent) - 1
    heard = said.samples()
    assert len(heard) >= 3.8 * 24000
    assert np.sqrt((heard**2).mean()) > 0.005
    assert said.text.strip()
    assert (said.events, said.unknown_events) == ([], 0)
    await slots_become(moshi, 0)


async def test_two_conversations_run_beside_each_other(moshi: Service) -> None:
    first, second = await asyncio.gather(*(converse(moshi.chat, encode(noise(3.0, seed))) for seed in (1, 2)))
    assert len(first.heard) == len(first.sent) - 1
    assert len(second.heard) == len(second.sent) - 1
    assert first.audio != second.audio
    # Both at once: neither waited for the other to end.
    assert first.heard[0] < second.sent[-1]
    assert second.heard[0] < first.sent[-1]


async def test_protocol_2_tells_the_session_and_how_it_goes(moshi: Service) -> None:
    said = await converse(moshi.chat + "?protocol=2", encode(noise(3.2)))
    assert [event.type for event in said.events] == ["session", "stats", "stats", "stats"]
    session, stats = said.events[0], said.events[-1]
    assert isinstance(stats, StatsEvent)
    assert stats.step_ms > 0
    assert stats.dropped_frames == 0
    assert isinstance(session, SessionEvent)
    assert session.settings["text_temperature"] == 0.7


async def test_a_client_that_vanishes_frees_its_slot_at_once(moshi: Service) -> None:
    async with connect(moshi.chat) as socket:
        await handshake(socket)
        assert used_slots(moshi) == 1
        socket.transport.abort()
        await slots_become(moshi, 0)


async def test_a_ping_is_answered(moshi: Service) -> None:
    async with connect(moshi.chat) as socket:
        await handshake(socket)
        await socket.send(bytes([KIND_PING]))
        async with asyncio.timeout(5):
            assert await socket.recv() == bytes([KIND_PING])


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (bytes([KIND_AUDIO]) + b"garbage" * 20, 1007, "not Ogg/Opus"),
        (bytes([KIND_AUDIO]) + bytes(16_384), 1009, ""),
    ],
)
async def test_a_broken_rule_ends_only_that_conversation(message: bytes, code: int, words: str, moshi: Service) -> None:
    async with connect(moshi.chat) as socket:
        await handshake(socket)
        await socket.send(message)
        closed, reason = await closing(socket)
        assert closed == code
        assert words in reason
    await slots_become(moshi, 0)
    assert (await converse(moshi.chat, encode(noise(0.5)))).heard


@pytest.mark.parametrize(
    "message", ["hello", "", b"", bytes([3, 0]), bytes([5]) + b"oops", bytes([200]), bytes([KIND_AUDIO])]
)
async def test_messages_without_meaning_here_are_ignored(message: str | bytes, moshi: Service) -> None:
    async with connect(moshi.chat) as socket:
        await handshake(socket)
        await socket.send(message)
        await socket.send(bytes([KIND_PING]))
        async with asyncio.timeout(5):
            assert await socket.recv() == bytes([KIND_PING])


async def test_a_page_of_another_origin_is_refused(moshi: Service) -> None:
    async with connect(moshi.chat, origin="https://evil.example") as socket:  # type: ignore[arg-type]
        code, reason = await closing(socket)
    assert code == 1008
    assert "https://evil.example" in reason


async def test_https_with_the_automatic_certificate_is_trusted_through_its_authority(tmp_path: Path) -> None:
    port = free_port()
    environment = clean_environment(MOSHI_PORT=str(port), MOSHI_STATE_DIR=str(tmp_path), MOSHI_SLOTS="1")
    authority = subprocess.run(
        [BIN / "moshi-backend", "certificate"], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen([BIN / "moshi-backend", "serve"], env=environment, stderr=log) as process,
    ):
        try:
            trust = ssl.create_default_context(cafile=authority)
            deadline = time.monotonic() + 60
            while True:
                assert time.monotonic() < deadline
                try:
                    async with connect(f"wss://localhost:{port}/api/chat", ssl=trust) as socket:
                        if (await closing_or_handshake(socket)) == "handshake":
                            break
                except OSError:
                    pass
                await asyncio.sleep(0.2)
        finally:
            process.terminate()
        assert await asyncio.to_thread(process.wait, 15) == 0


async def closing_or_handshake(socket: ClientConnection) -> str:
    try:
        await handshake(socket)
    except ConnectionClosed as closed:
        return str(closed)
    return "handshake"


def test_stopping_it_while_it_imports_pytorch_is_an_orderly_end(tmp_path: Path) -> None:
    environment = clean_environment(MOSHI_PORT="0", MOSHI_STATE_DIR=str(tmp_path))
    with subprocess.Popen(
        [BIN / "moshi-backend", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert "listening on" in process.stderr.readline()
        process.terminate()
        said = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in said


def test_it_hears_a_signal_before_it_imports_what_takes_long() -> None:
    """Before that, a signal kills it, Ctrl-C with a traceback; process 1 of a container does not notice one at all."""
    heavy = (
        "import sys, moshi_backend.cli; "
        "print([name for name in ('cryptography', 'fastapi', 'pydantic', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_port_in_use_is_one_line_and_exit_code_3(moshi: Service, tmp_path: Path) -> None:
    environment = clean_environment(MOSHI_PORT=str(moshi.port), MOSHI_STATE_DIR=str(tmp_path))
    refused = subprocess.run([BIN / "moshi-backend", "serve"], env=environment, capture_output=True, text=True)
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1
    assert f"port {moshi.port}" in refused.stderr
    assert "MOSHI_PORT" in refused.stderr


def test_certificate_files_that_are_none_are_one_line_and_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("not a certificate")
    (tmp_path / "key.pem").write_text("not a key")
    environment = clean_environment(
        MOSHI_PORT="0",
        MOSHI_TLS="files",
        MOSHI_TLS_CERT=str(tmp_path / "cert.pem"),
        MOSHI_TLS_KEY=str(tmp_path / "key.pem"),
    )
    refused = subprocess.run([BIN / "moshi-backend", "serve"], env=environment, capture_output=True, text=True)
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1
    assert "MOSHI_TLS_CERT" in refused.stderr


def test_the_checked_in_openapi_is_what_the_code_says() -> None:
    printed = subprocess.run(
        [BIN / "moshi-backend", "openapi"], env=clean_environment(), capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed) == json.loads(
        (Path(__file__).parents[3] / "docs/reference/openapi-moshi.json").read_text()
    )
