"""Limits on the work that a peer causes a service."""

import asyncio
import logging
import resource
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import metrics
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts
from websockets.protocol import State
from websockets.server import ServerProtocol

from moshi_backend.api import server as moshi
from moshi_frontend import server as frontend
from moshi_service import listening
from moshi_service.errors import StartupError
from moshi_service.errors import conversations as errors
from moshi_service.limiter import ConnectionLimiter, Refusal
from moshi_service.network import descriptors, gate
from moshi_service.network.addresses import Networks, group_of, plain
from moshi_service.network.connections import ADDRESS_SHARE, Connection, Connections, Stage
from moshi_service.network.gate import PENDING_BYTES, PIECES_AT_ONCE, Gate, Meter
from moshi_service.network.protocols import WebSocketProtocol

DROPPED = metrics.get_meter("tests").create_counter("dropped")
PING = bytes([0x89, 0x80, 0, 0, 0, 0])


class Transport:
    """Remembers whether it is read."""

    reading = True
    aborted = False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


def gated(
    parsed: list[bytes], rate: float, burst: float, ready: Callable[[], bool] = lambda: True
) -> tuple[Gate, Transport]:
    transport: Any = Transport()
    return Gate(transport, Meter(rate, burst), gate.frame, parsed.append, ready), transport


@pytest.mark.anyio
async def test_one_read_of_tiny_frames_is_parsed_a_few_at_a_time_and_then_at_the_rate() -> None:
    parsed: list[bytes] = []
    doorway, transport = gated(parsed, rate=0.001, burst=100)
    doorway.receive(PING * 40_000)
    assert len(parsed) == PIECES_AT_ONCE
    assert not transport.reading
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert 100 <= len(parsed) <= 102
    assert not transport.reading
    doorway.close()


@pytest.mark.anyio
async def test_what_came_through_is_what_was_sent() -> None:
    frames = [PING, b"\x82\xfe\x01\x00" + bytes(4) + b"x" * 256, b"\x82\xff" + bytes(5) + b"\1\0\0" + bytes(4 + 65_536)]
    sent = b"".join(frames) * 3
    for size in (1, 7, 1000, len(sent)):
        parsed: list[bytes] = []
        doorway, transport = gated(parsed, rate=1000, burst=1000)
        for start in range(0, len(sent), size):
            doorway.receive(sent[start : start + size])
        assert b"".join(parsed) == sent
        assert transport.reading
        doorway.close()


@pytest.mark.anyio
async def test_an_application_that_is_busy_makes_the_peer_wait() -> None:
    parsed: list[bytes] = []
    doorway, transport = gated(parsed, 1000, 1000, lambda: len(parsed) != 2)
    doorway.receive(PING * 3)
    assert (len(parsed), transport.reading) == (2, False)
    parsed.append(b"taken")
    doorway.go_on()
    assert (len(parsed), transport.reading) == (4, True)


@pytest.mark.anyio
async def test_a_peer_that_is_read_although_it_has_to_wait_is_dropped_in_the_end() -> None:
    doorway, transport = gated([], 1000, 1000, lambda: False)
    doorway.receive(bytes(PENDING_BYTES))
    assert not transport.aborted
    doorway.receive(b"1")
    assert transport.aborted


def test_the_meter_lets_so_much_through_and_then_at_its_rate() -> None:
    meter, now, spent = Meter(rate=10, burst=5), 100.0, 0
    while now < 110.0:
        if wait := meter.wait(now):
            now += wait
        else:
            meter.spend(1, now)
            spent += 1
    assert 100 + 5 - 1 <= spent <= 100 + 5 + 2


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("somebody", "somebody"),
        ("x" * 60_000, "x" * 64),
        ("", ""),
    ],
)
def test_an_ipv6_address_counts_with_its_network(address: str, group: str) -> None:
    assert group_of(address) == group


def test_a_client_does_not_get_around_its_limits_with_another_address_of_its_network() -> None:
    limiter = ConnectionLimiter(2, 0)
    assert limiter.enter("2001:db8::1") is None
    assert limiter.enter("2001:db8::2") is None
    assert limiter.enter("2001:db8::3") == Refusal(errors.address_too_many(2, "2001:db8::/64"))
    assert limiter.enter("2001:db8:0:1::1") is None
    limiter.leave("2001:db8::2")
    assert limiter.enter("2001:db8::3") is None
    rate = ConnectionLimiter(0, 2)
    assert [rate.enter(f"2001:db8::{number}", 0.0) is None for number in range(4)] == [True, True, False, False]


def test_trusted_networks() -> None:
    listed = Networks("127.0.0.1, 10.0.0.0/8,2001:db8::/32")
    assert [a in listed for a in ("127.0.0.1", "::ffff:10.1.2.3", "2001:db8::1")] == [True] * 3
    assert [a in listed for a in ("127.0.0.2", "2001:db9::1", "nonsense", "")] == [False] * 4
    assert "203.0.113.9" in Networks("*")
    assert "127.0.0.1" not in Networks("")
    with pytest.raises(ValueError, match="'nonsense' is neither an IP address nor a network"):
        Networks("127.0.0.1, nonsense")


@pytest.mark.parametrize(
    "listed", ["127.0.0.1", "::ffff:127.0.0.1", "127.0.0.5/8", "::ffff:127.0.0.0/104", "10.0.0.1,*", "", "::/0"]
)
def test_uvicorn_trusts_the_same_proxies(listed: str) -> None:
    ours = Networks(listed)
    uvicorns = _TrustedHosts(ours.for_uvicorn)
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "192.0.2.1", "2001:db8::1"):
        assert (plain(address) in uvicorns) == (address in ours)


@pytest.mark.anyio
@pytest.mark.parametrize("listed", ["10.0.0.2", "10.0.0.0/8", "::ffff:10.0.0.2", "0.0.0.0/0"])
async def test_a_proxy_may_be_written_in_the_form_of_a_dual_stack_socket(listed: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, *_others: object) -> None:
        seen.append(scope["client"][0])

    trusting = ProxyHeadersMiddleware(app, Networks(listed).for_uvicorn)
    headers = [(b"x-forwarded-for", b"2001:db8::9, ::ffff:10.0.0.2")]
    unused: Any = None
    scope: Any = {"type": "websocket", "client": ("10.0.0.2", 1), "headers": headers, "scheme": "ws"}
    await trusting(scope, unused, unused)
    assert seen == ["2001:db8::9"]


def test_a_full_table_gives_the_place_of_the_oldest_idle_connection_to_a_new_one() -> None:
    table = Connections(8, Networks("*"), DROPPED)
    ended: list[Connection] = []
    first = [table.admit(str(number), 0.0) for number in range(8)]
    for connection in first:
        assert connection is not None
        connection.end = partial(ended.append, connection)
    assert first[0] and first[1] and first[2]
    first[0].enter(Stage.CONVERSATION)
    first[1].enter(Stage.REQUEST)
    assert table.admit("new", 1.0) is not None
    assert ended == [first[2]]
    assert len(table) == 8


def test_a_table_full_of_conversations_takes_no_new_connection() -> None:
    table = Connections(2, Networks("*"), DROPPED)
    both = [table.admit("one", 0.0) for _ in range(2)]
    assert both[0] and both[1]
    both[0].enter(Stage.CONVERSATION)
    both[1].enter(Stage.CONVERSATION)
    assert table.admit("two", 0.0) is None
    both[0].leave()
    both[0].leave()
    assert table.admit("two", 0.0) is not None


def test_one_address_has_a_share_of_the_places_and_conversations_are_not_of_it() -> None:
    table = Connections(8 * ADDRESS_SHARE, Networks("127.0.0.1"), DROPPED)
    mine = [table.admit("2001:db8::1", 0.0) for _ in range(8)]
    assert None not in mine
    assert table.admit("2001:db8::2", 0.0) is None
    assert table.admit("2001:db8:1::1", 0.0) is not None
    assert mine[0] and mine[1]
    mine[0].enter(Stage.CONVERSATION)
    assert table.admit("2001:db8::2", 0.0) is not None
    mine[0].leave()
    assert table.admit("2001:db8::2", 0.0) is None
    mine[1].leave()
    assert table.admit("2001:db8::2", 0.0) is not None
    assert all(table.admit("127.0.0.1", 0.0) for _ in range(16))


def test_a_full_table_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    table = Connections(4, Networks("*"), DROPPED)
    open_ = [table.admit("a", 0.0) for _ in range(1000)]
    for connection in open_:
        assert connection is not None
        connection.leave()
    table.sweep(1.0)
    table.sweep(2.0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    for _ in range(10):  # full again within the minute
        for connection in [table.admit("a", 3.0) for _ in range(5)]:
            assert connection is not None
            connection.leave()
        table.sweep(3.0)
    assert len(caplog.records) == 2


def test_the_limit_of_open_files_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))
    assert descriptors.raise_limit() == 4096
    assert limits["now"] == (4096, 4096)
    limits["now"] = (1024, resource.RLIM_INFINITY)
    assert descriptors.raise_limit() == descriptors.WANTED
    limits["now"] = (100_000, 200_000)
    assert descriptors.raise_limit() == 100_000


def test_descriptors_are_reserved_for_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 256
    monkeypatch.setattr(listening, "raise_limit", lambda: limit)
    assert frontend.places(64) == 256 - 64 - 64
    with pytest.raises(StartupError, match=r"FRONTEND_MAX_CONNECTIONS=100 needs 296 open files and the limit is 256"):
        frontend.places(100)
    assert moshi.places(8) == 160
    with pytest.raises(StartupError, match=r"MOSHI_QUEUE=100 needs 260 open files and the limit is 256"):
        moshi.places(100)
    limit = 65_536
    assert frontend.places(64) == 64 + 2048
    assert moshi.places(8) == 8 + 2048


def test_a_stop_of_the_service_does_not_fail_on_a_connection_that_is_closing() -> None:
    """A client that leaves at the same moment would otherwise make the service end with a traceback."""
    closed: list[bool] = []
    protocol: Any = WebSocketProtocol.__new__(WebSocketProtocol)
    protocol.handshake_complete = True
    protocol.close_timer = None
    protocol.conn = ServerProtocol(state=State.CLOSING)
    protocol.transport = SimpleNamespace(close=lambda: closed.append(True))
    protocol.shutdown()
    assert closed == [True]
