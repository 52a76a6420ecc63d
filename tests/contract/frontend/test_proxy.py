"""A conversation through the frontend is the same conversation that it would be with moshi itself."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from moshi_frontend import proxy, server
from moshi_frontend.proxy import MESSAGE_BYTES_FROM_CLIENT
from moshi_service.health import Health
from moshi_service.network import protocols
from moshi_service.protocol.info import Slots
from moshi_service.protocol.wire import HANDSHAKE
from support.fake_moshi import FakeMoshi
from support.raw import upgrade
from support.running_frontend import Frontend, closed_by_server, running_frontend

pytestmark = pytest.mark.anyio

NOBODY_LISTENS = "http://127.0.0.1:1"


@pytest.fixture
async def moshi() -> AsyncIterator[FakeMoshi]:
    async with FakeMoshi().running() as fake:
        yield fake


@pytest.fixture
async def frontend(moshi: FakeMoshi) -> AsyncIterator[Frontend]:
    async with running_frontend(moshi.url) as running:
        yield running


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def moshi_tls(authority: trustme.CA) -> AsyncIterator[FakeMoshi]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with FakeMoshi().running(context) as fake:
        yield fake


def announced(messages: list[bytes]) -> list[dict[str, object]]:
    return [json.loads(message[1:]) for message in messages if message[0] == 4]


async def test_messages_pass_unchanged_both_ways(frontend: Frontend) -> None:
    sent = [b"\x01" + bytes(range(256)) * 8, b"\x06", b"", b"\x02 caf\xc3\xa9", bytes(MESSAGE_BYTES_FROM_CLIENT)]
    async with frontend.chat() as client:
        assert await client.recv() == HANDSHAKE
        for message in sent:
            await client.send(message)
        assert [await client.recv() for _ in sent] == sent


async def test_a_text_frame_reaches_moshi_as_one_because_moshi_decides_about_it(
    moshi: FakeMoshi, frontend: Frontend
) -> None:
    async def refuse_text(conversation: ServerConnection) -> None:
        assert isinstance(await conversation.recv(), str)
        await conversation.close(1003, "text")

    moshi.chat = refuse_text
    async with frontend.chat() as client:
        await client.send("hello")
        assert (await closed_by_server(client))[1:] == (1003, "text")


async def test_moshi_sees_the_query_and_the_trace_but_no_other_header(moshi: FakeMoshi, frontend: Frontend) -> None:
    trace = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "tracestate": "x=1"}
    headers = trace | {"Cookie": "a=b", "X-Other": "1"}
    async with frontend.chat("?protocol=2&seed=7&voice=a%20b", additional_headers=headers):
        request = (await moshi.conversation()).request
    assert request is not None
    assert request.path == "/api/chat?protocol=2&seed=7&voice=a%20b"
    assert {name: request.headers[name] for name in trace} == trace
    assert "cookie" not in request.headers
    assert "x-other" not in request.headers


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1013, 4000])
async def test_moshis_close_code_and_reason_reach_the_client(moshi: FakeMoshi, frontend: Frontend, code: int) -> None:
    async def end(conversation: ServerConnection) -> None:
        await conversation.send(b"\x02last words")
        await conversation.close(code, "because — of this")

    moshi.chat = end
    async with frontend.chat("?protocol=2") as client:
        assert await closed_by_server(client) == ([HANDSHAKE, b"\x02last words"], code, "because — of this")


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, "tab closed"), (4001, "changed my mind")])
async def test_the_clients_close_code_and_reason_reach_moshi(
    moshi: FakeMoshi, frontend: Frontend, code: int, reason: str
) -> None:
    async with frontend.chat() as client:
        conversation = await moshi.conversation()
        await client.close(code, reason)
        await asyncio.wait_for(conversation.wait_closed(), 10)
    assert (conversation.close_code, conversation.close_reason) == (code, reason)


async def test_a_client_that_vanishes_frees_its_place_at_moshi(moshi: FakeMoshi, frontend: Frontend) -> None:
    async with frontend.chat() as client:
        conversation = await moshi.conversation()
        client.transport.abort()
        await asyncio.wait_for(conversation.wait_closed(), 10)
    assert conversation.close_code in (1000, 1001)


async def test_a_client_that_vanishes_behind_tls_is_one_that_left(
    moshi: FakeMoshi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over TLS the socket stays for seconds after the close frame for unanswered pings, while moshi still speaks."""
    monkeypatch.setattr(proxy, "PING_SECONDS", 0.2)
    monkeypatch.setattr(proxy, "PONG_SECONDS", 0.2)
    caplog.set_level(logging.INFO, "moshi_frontend")

    async def speak(conversation: ServerConnection) -> None:
        while True:
            await conversation.send(b"\x01" + bytes(100))
            await asyncio.sleep(0.02)

    moshi.chat = speak
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with running_frontend(moshi.url, tls="auto", state_dir=tmp_path) as frontend:
        host, port = frontend.address.split(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(upgrade(frontend.address))
        conversation = await moshi.conversation()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.wait_for(conversation.wait_closed(), 10)
        writer.transport.abort()
    assert conversation.close_code == 1001
    assert "conversation 1: ends, the client vanished" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_client_is_told_when_moshi_vanishes(moshi: FakeMoshi, frontend: Frontend) -> None:
    async with frontend.chat("?protocol=2") as client:
        (await moshi.conversation()).transport.abort()
        messages, code, reason = await closed_by_server(client)
    assert (code, reason) == (1012, "the connection to moshi was lost; try again")
    assert announced(messages) == [
        {"type": "end", "code": code, "reason": reason, "retry_after": None, "error": "moshi-lost"}
    ]


@pytest.mark.parametrize(("query", "announcements"), [("?protocol=2", 1), ("", 0)])
async def test_moshi_down(query: str, announcements: int) -> None:
    async with running_frontend(NOBODY_LISTENS) as frontend, frontend.chat(query) as client:
        messages, code, reason = await closed_by_server(client)
    assert code == 1013
    assert reason == f"moshi is not reachable at {NOBODY_LISTENS}: connection refused"
    event = {"type": "end", "code": code, "reason": reason, "retry_after": None, "error": "connection-failed"}
    assert announced(messages) == [event] * announcements


async def test_something_that_is_not_moshi(moshi: FakeMoshi) -> None:
    async with running_frontend(f"{moshi.url}/elsewhere") as frontend, frontend.chat() as client:
        _, code, reason = await closed_by_server(client)
    assert code == 1013
    assert reason.endswith("it answers 404, so it is not moshi")


async def test_moshis_certificate_is_checked_with_the_authority_given(
    moshi_tls: FakeMoshi, authority: trustme.CA, tmp_path: Path
) -> None:
    """Also one whose file appears only after the start."""
    file = tmp_path / "ca.pem"
    async with running_frontend(moshi_tls.url, moshi_ca=file) as frontend:
        async with frontend.chat() as client:
            assert "cannot read FRONTEND_MOSHI_CA" in (await closed_by_server(client))[2]
        authority.cert_pem.write_to_path(str(file))
        async with frontend.chat() as client:
            assert await client.recv() == HANDSHAKE
        await frontend.config(until=lambda config: config["moshi"]["health"]["status"] == "ready")


async def test_moshis_certificate_has_to_be_for_the_name_that_it_is_called_by(
    moshi_tls: FakeMoshi, authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    other = moshi_tls.url.replace("localhost", "127.0.0.1")
    assert other != moshi_tls.url
    async with running_frontend(other, moshi_ca=file) as frontend, frontend.chat() as client:
        _, code, reason = await closed_by_server(client)
    assert code == 1013
    assert reason.endswith("its certificate has another name; see MOSHI_TLS_HOSTS")


async def test_moshis_certificate_is_not_trusted_by_itself(moshi_tls: FakeMoshi) -> None:
    async with running_frontend(moshi_tls.url) as frontend, frontend.chat() as client:
        _, code, reason = await closed_by_server(client)
    assert code == 1013
    assert "certificate is not trusted" in reason
    assert moshi_tls.conversations == []


async def test_a_foreign_page_is_refused(moshi: FakeMoshi, frontend: Frontend) -> None:
    async with frontend.chat("?protocol=2", origin="https://evil.example") as client:
        messages, code, reason = await closed_by_server(client)
    assert (code, reason) == (1008, "origin 'https://evil.example' is not in FRONTEND_ALLOWED_ORIGINS")
    assert announced(messages) == [
        {"type": "end", "code": code, "reason": reason, "retry_after": None, "error": "origin-not-allowed"}
    ]
    assert moshi.conversations == []


async def test_its_own_page_is_welcome(frontend: Frontend) -> None:
    async with frontend.chat(origin=f"http://{frontend.address}") as client:
        assert await client.recv() == HANDSHAKE


async def test_a_listed_page_is_welcome(moshi: FakeMoshi) -> None:
    async with (
        running_frontend(moshi.url, allowed_origins="https://a.example, https://b.example") as frontend,
        frontend.chat(origin="https://b.example") as client,
    ):
        assert await client.recv() == HANDSHAKE


async def test_no_more_connections_than_allowed(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, max_connections=1) as frontend:
        async with frontend.chat() as first:
            assert await first.recv() == HANDSHAKE
            async with frontend.chat() as second:
                _, code, reason = await closed_by_server(second)
                assert (code, reason) == (1013, "full: every connection is in use (1); try again soon")
        async with asyncio.timeout(10):
            while not await is_welcome(frontend):  # until the frontend has noticed that the first one left
                await asyncio.sleep(0.01)


async def is_welcome(frontend: Frontend) -> bool:
    async with frontend.chat() as client:
        with suppress(ConnectionClosed):
            return await client.recv() == HANDSHAKE
        return False


async def test_a_message_that_is_too_big_ends_the_conversation(moshi: FakeMoshi, frontend: Frontend) -> None:
    async with frontend.chat() as client:
        conversation = await moshi.conversation()
        await client.send(bytes(MESSAGE_BYTES_FROM_CLIENT + 1))
        assert (await closed_by_server(client))[1] == 1009
        await asyncio.wait_for(conversation.wait_closed(), 10)


FLOOD = 128
MEGABYTE = bytes(1024 * 1024)


async def comes_to_a_halt(counter: list[int]) -> int:
    """The count at which a sender stopped, because nobody reads."""
    last = -1
    while last != len(counter):
        last = len(counter)
        await asyncio.sleep(0.5)
    return last


async def test_a_client_that_does_not_read_stops_moshi_and_loses_nothing(moshi: FakeMoshi, frontend: Frontend) -> None:
    sent: list[int] = []

    async def flood(conversation: ServerConnection) -> None:
        for number in range(FLOOD):
            await conversation.send(MEGABYTE)
            sent.append(number)
        await conversation.close(1000, "all said")

    moshi.chat = flood
    async with frontend.chat(max_size=None, max_queue=1) as client:
        assert await client.recv() == HANDSHAKE
        assert await comes_to_a_halt(sent) < FLOOD
        messages, code, _ = await closed_by_server(client)
    assert (len(messages), code) == (FLOOD, 1000)


async def test_a_moshi_that_does_not_read_stops_the_client(moshi: FakeMoshi, frontend: Frontend) -> None:
    reads = asyncio.Event()

    async def wait(conversation: ServerConnection) -> None:
        await reads.wait()
        async for _ in conversation:
            pass

    moshi.chat = wait
    message = bytes(MESSAGE_BYTES_FROM_CLIENT)
    total = FLOOD * len(MEGABYTE) // len(message)
    sent: list[int] = []

    async with frontend.chat() as client:

        async def flood() -> None:
            for number in range(total):
                await client.send(message)
                sent.append(number)

        flooding = asyncio.create_task(flood())
        assert await comes_to_a_halt(sent) < total
        reads.set()
        await asyncio.wait_for(flooding, 30)


async def test_the_replica_with_most_free_slots_gets_the_conversation() -> None:
    nearly_full = FakeMoshi(slots=Slots(total=4, used=3))
    roomy = FakeMoshi(slots=Slots(total=4, used=1))
    roomiest_but_draining = FakeMoshi(slots=Slots(total=9, used=0))
    roomiest_but_draining.health = Health("draining", "draining", None, "stopping")
    async with (
        nearly_full.running(),
        roomiest_but_draining.running(),
        roomy.running(),
        running_frontend(nearly_full.url, roomiest_but_draining.url, roomy.url) as frontend,
    ):
        await frontend.config(until=lambda config: config["moshi"]["url"] == roomy.url)
        async with frontend.chat() as client:
            assert await client.recv() == HANDSHAKE
            assert len(roomy.conversations) == 1


async def test_a_client_that_is_on_its_way_when_a_drain_begins_gets_its_conversation(moshi: FakeMoshi) -> None:
    moshi.admits.clear()
    async with (
        running_frontend(moshi.url, drain_seconds=300) as frontend,
        frontend.chat("?protocol=2") as client,
        asyncio.timeout(30),
    ):
        while not moshi.upgrades:
            await asyncio.sleep(0.01)
        frontend.stop()
        while (await frontend.get("/health")).json()["status"] != "draining":
            await asyncio.sleep(0.01)
        moshi.admits.set()
        first = [await client.recv(decode=False), await client.recv(decode=False)]
        assert HANDSHAKE in first
        (warning,) = announced(first)
        assert warning["why"] == "draining"
        await client.send(b"\x01still here")
        assert await client.recv() == b"\x01still here"


async def test_a_client_that_sends_faster_than_moshi_reads_has_to_wait_and_is_not_lost(
    moshi: FakeMoshi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pongs, and the pings to moshi, wait behind its own messages."""
    monkeypatch.setattr(proxy, "PING_SECONDS", 0.1)
    monkeypatch.setattr(proxy, "PONG_SECONDS", 0.3)
    many = 150

    async def listen(conversation: ServerConnection) -> None:
        for _ in range(many):
            await conversation.recv()
            await conversation.send(b"\x01")
            await asyncio.sleep(0.02)
        await conversation.close(1000, "heard everything")

    moshi.chat = listen
    async with running_frontend(moshi.url) as frontend, frontend.chat(ping_interval=None) as client:

        async def speak() -> None:
            for _ in range(many):
                await client.send(b"\x01" + bytes(60_000))

        speaking = asyncio.create_task(speak())
        messages, code, reason = await closed_by_server(client)
        await asyncio.gather(speaking, return_exceptions=True)
    assert (len(messages), code, reason) == (1 + many, 1000, "heard everything")


async def test_a_moshi_from_which_nothing_comes_is_lost(moshi: FakeMoshi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the client's messages wait for it."""
    monkeypatch.setattr(proxy, "PING_SECONDS", 0.1)
    monkeypatch.setattr(proxy, "PONG_SECONDS", 0.3)
    async with running_frontend(moshi.url) as frontend, frontend.chat(ping_interval=None) as client:
        (await moshi.conversation()).transport.pause_reading()  # it reads no ping either

        async def speak() -> None:
            while True:
                await client.send(b"\x01" + bytes(60_000))

        speaking = asyncio.create_task(speak())
        _, code, _ = await closed_by_server(client)
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    assert code == 1012


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_reads_late_learns_of_a_stop_and_one_that_never_reads_does_not_delay_it(
    reads: bool, moshi: FakeMoshi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on to speak. A socket that the service closes under what still comes is reset, and then all is lost."""
    monkeypatch.setattr(protocols, "ANSWER_SECONDS", 60 if reads else 0.2)
    monkeypatch.setattr(server, "SHUTDOWN_SECONDS", 60)

    async def speak(client: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await client.send(b"\x01" + bytes(100))
                await asyncio.sleep(0.01)

    async with asyncio.timeout(40):
        async with running_frontend(moshi.url) as frontend:
            client = await frontend.chat("?protocol=2", max_queue=1)
            assert await client.recv() == HANDSHAKE
            speaking = asyncio.create_task(speak(client))
            await asyncio.sleep(0.2)
            ending = asyncio.create_task(_late(client)) if reads else None
        if ending:
            said, code, reason = await ending
            assert (code, reason) == (1001, "the frontend is shutting down")
            event = {
                "type": "end",
                "code": code,
                "reason": reason,
                "retry_after": None,
                "error": "frontend-shutting-down",
            }
            assert announced(said[-1:]) == [event]
        speaking.cancel()


async def _late(client: ClientConnection) -> tuple[list[bytes], int, str]:
    """What comes, read once the service must have sent it."""
    await asyncio.sleep(1)
    return await closed_by_server(client)
