"""Clients that abuse frames, connections, request heads and silence, beside somebody who talks."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from moshi_frontend import proxy
from moshi_service.network import accepting, gate, protocols
from moshi_service.protocol.wire import HANDSHAKE
from scenario6_client.audio import encode, noise
from scenario6_client.conversation import Conversation, converse
from support.chatting import handshake, slots_become
from support.fake_moshi import FakeMoshi
from support.raw import FLOODS, PING, ask, dial, flooding, upgrade
from support.running_frontend import Frontend, closed_by_server, running_frontend
from support.services import Service, running_moshi
from support.services import running_frontend as frontend_process

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

MOSHI_GIVES_UP_SECONDS = 63
"""moshi's limit of silence (60 s), and what it needs to close."""


@pytest.fixture(scope="module")
def moshi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_moshi(tmp_path_factory.mktemp("moshi"), {"MOSHI_SLOTS": "8"}, open_files=256) as service:
        yield service


@pytest.fixture(scope="module")
def both(moshi: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    with frontend_process(tmp_path_factory.mktemp("frontend"), moshi, open_files=256) as frontend:
        yield {"moshi": moshi, "frontend": frontend}


@pytest.fixture
async def fake() -> AsyncIterator[FakeMoshi]:
    async with FakeMoshi().running() as running:
        yield running


def address_of(service: Service) -> str:
    return f"127.0.0.1:{service.port}"


def assert_undisturbed(said: Conversation) -> None:
    assert said.close_code == 1000
    assert len(said.heard) == len(said.sent) - 1


@pytest.mark.parametrize(
    ("name", "kind"),
    # moshi has a limit for messages of its own: see test_a_flood_is_slowed_down_and_costs_the_others_nothing.
    [(name, kind) for name in ("moshi", "frontend") for kind in FLOODS if (name, kind) != ("moshi", "messages")],
)
async def test_a_flood_of_tiny_frames_costs_a_neighbour_nothing(both: dict[str, Service], name: str, kind: str) -> None:
    service = both[name]
    with flooding(address_of(service), kind) as taken:
        assert_undisturbed(await converse(service.chat, encode(noise(6.0)), patience=20))
    assert sum(taken) < 2**20  # the buffers of the two sockets; 200 frames a second are a kilobyte


@pytest.mark.parametrize("name", ["moshi", "frontend"])
async def test_a_flood_that_does_not_end_loses_its_place(both: dict[str, Service], moshi: Service, name: str) -> None:
    with flooding(address_of(both[name]), "pings"):
        await slots_become(moshi, 0, seconds=90)  # also of those before


@pytest.mark.parametrize("name", ["moshi", "frontend"])
async def test_idle_connections_beyond_the_descriptors_cost_a_conversation_nothing(
    both: dict[str, Service], moshi: Service, name: str
) -> None:
    """256 open files; half of the idle connections have sent half a head."""
    service = both[name]
    lines = service.log.read_text().count("\n")
    talking = asyncio.create_task(converse(service.chat, encode(noise(6.0))))
    await asyncio.sleep(1)
    idle = []
    try:
        for number in range(400):
            client = await asyncio.to_thread(dial, address_of(service))
            idle.append(client)
            if number % 2:
                client.send(b"GET /alive HTTP/1.1\r\nHost: ")
        assert (await asyncio.to_thread(service.get, "/alive")).status_code == 200
        assert (await asyncio.to_thread(service.get, "/health")).status_code == 200
        async with connect(service.chat) as newcomer:
            await handshake(newcomer)
        assert_undisturbed(await talking)
    finally:
        for client in idle:
            client.close()
    await slots_become(moshi, 0, seconds=5)
    log = service.log.read_text()
    assert log.count("\n") - lines < 20
    assert "connections are in use" in log
    assert "Traceback" not in log


async def test_one_address_cannot_take_all_connections(fake: FakeMoshi) -> None:
    async with running_frontend(fake.url, trusted_proxies="") as frontend:
        clients = [await asyncio.open_connection(*frontend.address.split(":")) for _ in range(2112 // 4 + 50)]
        try:
            async with asyncio.timeout(10):
                refused = [await asyncio.wait_for(reader.read(1), 5) for reader, _ in clients[-50:]]
            assert refused == [b""] * 50
            clients[0][1].write(b"GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await clients[0][0].read(12) == b"HTTP/1.1 200"
        finally:
            for _, writer in clients:
                writer.close()


async def seconds_until_closed(address: str, sent: bytes) -> float:
    reader, writer = await asyncio.open_connection(*address.split(":"))
    began = time.monotonic()
    writer.write(sent)
    async with asyncio.timeout(15):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
    writer.close()
    return time.monotonic() - began


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /alive HT",
        b"GET /alive HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf a body",
        b"GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\nGET /alive HTTP",
    ],
    ids=["nothing", "half a head", "half a body", "half a second head"],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(
    fake: FakeMoshi, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "REQUEST_SECONDS", 0.5)
    async with running_frontend(fake.url) as frontend:
        await seconds_until_closed(frontend.address, sent)
        assert (await frontend.get("/alive")).status_code == 200


async def test_a_tls_handshake_that_does_not_end_ends_its_connection(
    fake: FakeMoshi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_SECONDS", 0.5)
    async with running_frontend(fake.url, tls="auto", state_dir=tmp_path) as frontend:
        await seconds_until_closed(frontend.address, b"")
        trust = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
        _, writer = await asyncio.open_connection(*frontend.address.split(":"), ssl=trust, server_hostname="localhost")
        writer.close()


ROLE = quote("🦀" * 1000)


async def test_a_role_of_a_thousand_emoji_reaches_moshi(both: dict[str, Service]) -> None:
    """The demo model takes no role; that it says so shows that the role has come as far as that."""
    async with connect(f"{both['frontend'].chat}?text_prompt={ROLE}") as client:
        _, code, reason = await closed_by_server(client)
    assert (code, reason) == (4001, "text_prompt: this model was not made for one; leave it out")


@pytest.mark.parametrize("name", ["moshi", "frontend"])
@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"?x={ROLE}", "", 101),
        ("?x=" + "x" * 60_000, "", 101),
        ("", "X-Many: 1\r\n" * 300, 101),
        ("", f"X-Long: {'x' * 60_000}\r\n", 101),
        ("?x=" + "x" * 70_000, "", 431),
        ("", f"X-Long: {'x' * 70_000}\r\n", 431),
        ("", "X-Many: 1\r\n" * 9000, 431),
        ("", "X-Bad: \x1b[31m\r\n", 400),
        ("", "X-Bad: \x7f\r\n", 400),
        ("", "X-Fine: caf\xe9\t!\r\n", 101),
        ("", "No colon\r\n", 400),
        ("", "Content-Length: 0\r\n", 101),
        ("", "Content-Length: 5\r\n", 400),
        ("", "Transfer-Encoding: chunked\r\n", 400),
        ("", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("", "Sec-WebSocket-Version: 13\r\n", 400),
    ],
    ids=str,
)
async def test_every_upgrade_is_answered(
    both: dict[str, Service], moshi: Service, name: str, query: str, headers: str, status: int
) -> None:
    address = address_of(both[name])
    answer = await ask(address, upgrade(address, query, headers))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    await slots_become(moshi, 0, seconds=5)


def told_at_the_end(address: str) -> bytes:
    """The last bytes for a client that sends a part of a message that is too long, and the rest a moment later."""
    with dial(address) as client:
        client.sendall(upgrade(address))
        assert client.recv(12) == b"HTTP/1.1 101"
        client.sendall(bytes([0x82, 0xFF]) + (1024 * 1024).to_bytes(8) + bytes(4))
        heard = b""
        while CLOSED_FOR_ITS_SIZE not in heard:
            more = client.recv(65536)
            assert more
            heard += more
        client.sendall(bytes(200_000))
        time.sleep(0.1)
        client.sendall(bytes(200_000))
        while more := client.recv(65536):
            heard += more
    return heard


CLOSED_FOR_ITS_SIZE = bytes([0x03, 0xF1])
"""1009, as a close frame has it."""


@pytest.mark.parametrize("name", ["moshi", "frontend"])
async def test_a_client_that_sends_too_much_at_once_is_told_so_before_the_connection_ends(
    both: dict[str, Service], name: str
) -> None:
    """A connection that is reset loses the close code on its way to the client."""
    assert CLOSED_FOR_ITS_SIZE in await asyncio.to_thread(told_at_the_end, address_of(both[name]))


@pytest.mark.parametrize("name", ["moshi", "frontend"])
async def test_requests_that_are_not_http_do_not_fill_the_log(both: dict[str, Service], name: str) -> None:
    lines = both[name].log.read_text().count("\n")
    for _ in range(20):
        assert (await ask(address_of(both[name]), b"hello?\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert both[name].log.read_text().count("\n") - lines < 5


def assert_the_frontend_gives_up_before_moshi() -> None:
    pings = proxy.PING_SECONDS + proxy.PONG_SECONDS
    assert max(pings, protocols.STALL_SECONDS) + protocols.CLOSE_SECONDS < MOSHI_GIVES_UP_SECONDS


async def deaf_client(frontend: Frontend) -> socket.socket:
    client = await asyncio.to_thread(dial, frontend.address, 4096)
    await asyncio.to_thread(client.sendall, upgrade(frontend.address))
    return client


async def test_a_client_that_reads_nothing_is_released(fake: FakeMoshi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_the_frontend_gives_up_before_moshi()
    monkeypatch.setattr(protocols, "STALL_SECONDS", 1.0)
    passed: list[int] = []

    async def flood(conversation: ServerConnection) -> None:
        while True:
            await conversation.send(bytes(2**20))
            passed.append(1)

    fake.chat = flood
    async with running_frontend(fake.url, max_connections=1) as frontend:
        with await deaf_client(frontend):
            conversation = await fake.conversation()
            await asyncio.wait_for(conversation.wait_closed(), 15)
            assert len(passed) < 64
            async with frontend.chat() as client:
                assert await client.recv() == HANDSHAKE


@pytest.mark.parametrize("how", ["close", "ping"])
async def test_a_client_that_does_not_take_the_end_is_released(
    fake: FakeMoshi, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """With the write buffer full: moshi ends the conversation, or pings stay unanswered."""
    monkeypatch.setattr(protocols, "CLOSE_SECONDS", 0.5)
    if how == "ping":
        monkeypatch.setattr(proxy, "PING_SECONDS", 0.5)
        monkeypatch.setattr(proxy, "PONG_SECONDS", 0.5)
    else:
        monkeypatch.setattr(protocols, "STALL_SECONDS", 2.0)

    async def fill(conversation: ServerConnection) -> None:
        for _ in range(8):
            await conversation.send(bytes(2**20))
        await (conversation.close() if how == "close" else conversation.wait_closed())

    fake.chat = fill
    async with running_frontend(fake.url, max_connections=1) as frontend:
        with await deaf_client(frontend):
            conversation = await fake.conversation()
            await asyncio.wait_for(conversation.wait_closed(), 15)
            async with asyncio.timeout(15):
                while not await welcomed(frontend):
                    await asyncio.sleep(0.1)


async def test_a_client_that_answers_no_pings_is_told_so(fake: FakeMoshi, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a browser whose computer slept: the page shows the reason."""
    monkeypatch.setattr(proxy, "PING_SECONDS", 0.2)
    monkeypatch.setattr(proxy, "PONG_SECONDS", 0.2)
    async with running_frontend(fake.url) as frontend, asyncio.timeout(15):
        reader, writer = await asyncio.open_connection(*frontend.address.split(":"))
        writer.write(upgrade(frontend.address))
        received = await reader.read()
        writer.close()
    assert received.endswith(b"\x03\xf3the connection was silent for too long")


async def welcomed(frontend: Frontend) -> bool:
    async with frontend.chat() as client:
        try:
            return await client.recv() == HANDSHAKE
        except ConnectionClosed:
            return False


async def test_pings_are_not_read_while_their_pongs_are_not(fake: FakeMoshi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the pongs would fill the memory."""
    monkeypatch.setattr(protocols, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(protocols, "FRAMES_PER_SECOND", 1e6)
    monkeypatch.setattr(protocols, "RATE_SECONDS", 1e6)
    buffered: list[int] = []
    overdue = protocols.WebSocketProtocol.overdue

    def look(protocol: protocols.WebSocketProtocol, now: float) -> str | None:
        buffered.append(protocol.transport.get_write_buffer_size())
        return overdue(protocol, now)

    monkeypatch.setattr(protocols.WebSocketProtocol, "overdue", look)
    full_ping = bytes([0x89, 0xFD]) + PING[2:] + bytes(125)
    async with running_frontend(fake.url) as frontend:
        with await deaf_client(frontend) as client:

            def pour() -> None:
                while True:
                    client.sendall(full_ping * 1000)

            with pytest.raises((ConnectionError, TimeoutError)):
                await asyncio.to_thread(pour)
    assert 0 < max(buffered) < 2**18


async def test_moshis_tiny_frames_do_not_hold_the_frontend(fake: FakeMoshi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a megabyte of empty pongs, in one write: the event loop has other turns between a few of them."""
    done = asyncio.Event()
    parsed = [0]
    receive = ClientProtocol.recv_frame

    def count(protocol: ClientProtocol, frame: Frame) -> None:
        parsed[-1] += frame.opcode is Opcode.PONG
        receive(protocol, frame)

    async def watch() -> None:
        while True:
            await asyncio.sleep(0)
            parsed.append(0)

    async def flood(conversation: ServerConnection) -> None:
        conversation.transport.write(bytes([0x8A, 0x00]) * 2**18)
        await conversation.send(b"\x02after")
        await done.wait()

    fake.chat = flood
    async with running_frontend(fake.url) as frontend, frontend.chat() as client:
        monkeypatch.setattr(ClientProtocol, "recv_frame", count)
        assert await client.recv() == HANDSHAKE
        watching = asyncio.create_task(watch())
        async with asyncio.timeout(60):
            assert await client.recv() == b"\x02after"
        watching.cancel()
        done.set()
    assert sum(parsed) > 2**17
    assert max(parsed[1:]) <= 2 * gate.PIECES_AT_ONCE


async def test_over_tls_nothing_of_moshis_last_words_is_lost(tmp_path: Path) -> None:
    """The end of TLS arrives together with what was said before it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    async def say(conversation: ServerConnection) -> None:
        for number in range(300):
            conversation.protocol.send_binary(bytes([2]) + str(number).encode() * 100)
        conversation.protocol.send_close(4000, "enough")
        conversation.transport.write(b"".join(conversation.protocol.data_to_send()))
        conversation.transport.close()  # without waiting for the client's close frame

    async with (
        FakeMoshi(chat=say).running(context) as fake,
        running_frontend(fake.url, moshi_ca=tmp_path / "ca.pem") as frontend,
        frontend.chat() as client,
    ):
        messages, code, reason = await closed_by_server(client)
    assert len(messages) == 301
    assert (code, reason) == (4000, "enough")


@pytest.mark.parametrize("tls", ["off", "auto"])
async def test_nothing_is_lost_of_a_client_that_says_everything_at_once(
    fake: FakeMoshi, tmp_path: Path, tls: str
) -> None:
    """Its messages and its end arrive together with its request, in one read."""
    said = [bytes([1]) + bytes(size) for size in (0, 1, 124, 125, 3000)] * 2
    heard: list[bytes | str] = []

    async def listen(conversation: ServerConnection) -> None:
        async for message in conversation:
            heard.append(message)

    fake.chat = listen
    async with running_frontend(fake.url, tls=tls, state_dir=tmp_path) as frontend:
        trust = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem") if tls == "auto" else None
        host, port = frontend.address.split(":")
        reader, writer = await asyncio.open_connection(host, port, ssl=trust)
        client = ClientProtocol(parse_uri(f"ws://{frontend.address}"), state=State.OPEN)
        for message in said:
            client.send_binary(message)
        client.send_close(4001, "changed my mind")
        writer.write(upgrade(frontend.address) + b"".join(client.data_to_send()))
        conversation = await fake.conversation()
        await asyncio.wait_for(conversation.wait_closed(), 10)
        assert (await reader.read(12)) == b"HTTP/1.1 101"
        writer.close()
    assert heard == said
    assert (conversation.close_code, conversation.close_reason) == (4001, "changed my mind")
