"""Many clients, impatient clients and bad ones, at the moshi service as a process of its own."""

import asyncio
import re
import signal
import socket as sockets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from moshi_service.protocol.events import WarningEvent
from moshi_service.protocol.upgrade import LOAD_HEADER, TRIAL_HEADER, Denial, Trial
from scenario6_client.audio import encode, noise
from scenario6_client.conversation import Conversation, converse
from support.chatting import KIND_AUDIO, KIND_METADATA, KIND_PING, closing, handshake, metadata, slots_become
from support.services import Service, running_moshi

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One slot, room for one who waits, and short limits."""
    limits = {"MOSHI_SLOTS": "1", "MOSHI_QUEUE": "1", "MOSHI_SESSION_SECONDS": "4", "MOSHI_IDLE_SECONDS": "2"}
    with running_moshi(tmp_path_factory.mktemp("single"), limits) as service:
        yield service


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_moshi(tmp_path_factory.mktemp("many"), {"MOSHI_SLOTS": "16"}) as service:
        yield service


def assert_undisturbed(said: Conversation) -> None:
    assert said.close_code == 1000
    assert len(said.heard) == len(said.sent) - 1


async def test_one_too_many_waits_is_told_its_place_and_then_talks(single: Service) -> None:
    async with connect(single.chat) as first, connect(single.chat + "?protocol=2") as second:
        await handshake(first)
        place = await metadata(second, "queue")
        assert place["position"] == 1
        assert 0 <= place["longest_wait_seconds"] <= 4
        assert place["wait_seconds"] is None or place["wait_seconds"] <= place["longest_wait_seconds"]
        await first.close()
        await metadata(second, "session")
        await handshake(second)
    await slots_become(single, 0)


async def test_upstreams_clients_wait_quietly(single: Service) -> None:
    async with connect(single.chat) as first, connect(single.chat) as second:
        await handshake(first)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await second.recv()
        await first.close()
        await handshake(second)
    await slots_become(single, 0)


async def test_who_speaks_while_waiting_is_still_understood_afterwards(single: Service) -> None:
    """Upstream's Python client speaks at once. What it says before its turn is lost, the stream's header is not."""
    messages = encode(noise(3.0))
    async with connect(single.chat) as first, connect(single.chat) as second:
        await handshake(first)
        for message in messages[:5]:
            await second.send(message)
        await asyncio.sleep(0.3)
        await first.close()
        await handshake(second)
        for message in messages[5:10]:
            await second.send(message)
        async with asyncio.timeout(5):
            heard = await second.recv()
        assert isinstance(heard, bytes)
        assert heard[0] == KIND_AUDIO
    await slots_become(single, 0)


async def test_a_full_queue_refuses_with_when_to_come_back(single: Service) -> None:
    async with connect(single.chat) as first, connect(single.chat) as waiting:
        await handshake(first)
        async with connect(single.chat) as third:
            code, reason = await closing(third)
            assert code == 1013
            assert re.fullmatch(r"full: every slot is in use \(1\), 1 waiting; Retry-After: \d+", reason)
        async with connect(single.chat + "?protocol=2") as fourth:
            end = await metadata(fourth, "end")
            assert end["code"] == 1013
            assert end["reason"] == "full: every slot is in use (1), 1 waiting"
            assert isinstance(end["retry_after"], int)
            assert await closing(fourth) == (1013, f"{end['reason']}; Retry-After: {end['retry_after']}")
        assert single.get("/api/info").json()["queue"] == 1
        await waiting.close()
    await slots_become(single, 0)


async def denied(url: str, trial: Trial, **headers: str) -> Response:
    """The answer to an upgrade that moshi denies."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers | {TRIAL_HEADER: trial.value})
    return refused.value.response


async def test_a_frontend_learns_before_the_upgrade_whether_there_is_a_slot(single: Service) -> None:
    slot, queue = ({TRIAL_HEADER: trial.value} for trial in Trial)
    async with connect(single.chat, additional_headers=slot) as first:
        assert first.response is not None
        assert first.response.headers[LOAD_HEADER] == "1/1/0"
        await handshake(first)
        full = await denied(single.chat, Trial.SLOT)
        assert (full.status_code, full.headers[LOAD_HEADER]) == (503, "1/1/0")
        denial = Denial.model_validate_json(full.body or b"")
        assert (denial.cause, denial.code, denial.reason) == ("full", 1013, "full: every slot is in use (1)")
        assert full.headers["Retry-After"] == str(denial.retry_after)
        async with connect(single.chat, additional_headers=queue) as waiting:
            assert waiting.response is not None
            assert waiting.response.headers[LOAD_HEADER] == "1/1/1"
            assert (await denied(single.chat, Trial.QUEUE)).headers[LOAD_HEADER] == "1/1/1"
        wrong = await denied(single.chat + "?seed=x", Trial.SLOT)
        assert wrong.status_code == 400
        assert Denial.model_validate_json(wrong.body or b"").code == 4001
    await slots_become(single, 0)


async def test_a_conversation_is_ended_when_its_time_is_over_and_told_before(single: Service) -> None:
    said = await converse(single.chat + "?protocol=2", encode(noise(6.0)))
    assert (said.close_code, said.close_reason) == (1000, "the time for a conversation is over")
    assert WarningEvent(why="session", seconds=2) in said.events
    await slots_become(single, 0)


async def test_silence_is_ended_too(single: Service) -> None:
    async with connect(single.chat + "?protocol=2") as socket:
        warning = await metadata(socket, "warning")
        assert (warning["why"], warning["seconds"]) == ("idle", 1)
        assert await closing(socket) == (4002, "no audio came for too long")
    await slots_become(single, 0)


async def test_sixteen_conversations_miss_nothing(many: Service) -> None:
    said = await asyncio.gather(*(converse(many.chat, encode(noise(4.0, seed))) for seed in range(16)))
    for one in said:
        assert_undisturbed(one)


async def test_a_flood_is_slowed_down_and_costs_the_others_nothing(many: Service) -> None:
    """Ten times real time, for longer than the buffers hold."""
    flood = encode(noise(60.0))
    async with connect(many.chat + "?protocol=2") as socket:
        await metadata(socket, "session")
        await handshake(socket)

        async def pour() -> None:
            for message in flood:
                await socket.send(message)
                await asyncio.sleep(0.008)

        pouring = asyncio.create_task(pour())
        said = await converse(many.chat, encode(noise(4.0)))
        stats = await metadata(socket, "stats")
        pouring.cancel()
        assert_undisturbed(said)
        assert stats["backlog_frames"] <= 25
    await slots_become(many, 0)


async def test_every_kind_of_nonsense_beside_a_conversation_costs_it_nothing(many: Service) -> None:
    half_page = encode(noise(1.0))[3]
    nonsense: list[list[str | bytes]] = [
        [],
        ["hello"],
        [bytes([KIND_AUDIO]) + b"\xff" * 4000],
        [half_page[: len(half_page) // 2]],
        [bytes([KIND_AUDIO]) + bytes(5 * 2**20)],
        [bytes([kind]) + b"x" * 100 for kind in range(2, 256) if kind not in (KIND_PING, KIND_METADATA)],
        [bytes([KIND_PING])] * 500,
        [b""] * 500,
    ]

    async def annoy(messages: list[str | bytes]) -> None:
        async with connect(many.chat, max_size=None) as socket:
            await handshake(socket)
            for message in messages:
                await socket.send(message)
            await asyncio.sleep(2)

    results = await asyncio.gather(
        converse(many.chat, encode(noise(4.0))), *map(annoy, nonsense), return_exceptions=True
    )
    said = results[0]
    assert isinstance(said, Conversation)
    assert_undisturbed(said)
    await slots_become(many, 0, seconds=5)
    assert many.get("/health").status_code == 200


async def test_a_client_that_freezes_its_socket_costs_the_others_nothing(many: Service) -> None:
    """It keeps the connection and never reads again, while the service has much to say to it."""
    address = urlsplit(many.url)
    with sockets.create_connection((address.hostname, address.port)) as frozen:
        frozen.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 1024)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        frozen.sendall(
            f"GET /api/chat HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        for message in encode(noise(4.0)):
            frozen.sendall(bytes([0x82, 0xFE, *len(message).to_bytes(2, "big"), 0, 0, 0, 0]) + message)
        assert_undisturbed(await converse(many.chat, encode(noise(4.0))))
    await slots_become(many, 0)


@pytest.mark.usefixtures("signals_are_not_ignored")
async def test_draining_lets_conversations_finish_and_takes_no_new(tmp_path: Path) -> None:
    """A closed terminal (SIGHUP) is as a SIGTERM, of which test_ending.py has several."""
    with running_moshi(tmp_path, {"MOSHI_SLOTS": "1", "MOSHI_DRAIN_SECONDS": "60"}) as moshi:
        async with connect(moshi.chat + "?protocol=2") as live, connect(moshi.chat) as waiting:
            await metadata(live, "session")
            moshi.process.send_signal(signal.SIGHUP)
            assert (await metadata(live, "warning"))["why"] == "draining"
            assert await closing(waiting) == (1001, "the service is shutting down")
            health = moshi.get("/health")
            assert (health.status_code, health.json()["status"]) == (503, "draining")
            assert moshi.get("/alive").status_code == 200
            async with connect(moshi.chat) as late:
                code, reason = await closing(late)
                assert code == 1013
                assert "draining" in reason
            await live.send(bytes([KIND_PING]))
            async with asyncio.timeout(5):
                assert await live.recv() == bytes([KIND_PING])
        assert await asyncio.to_thread(moshi.process.wait, 15) == 0
