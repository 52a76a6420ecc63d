"""Probes over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from moshi_frontend import probes, schemes
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.probes import Prober
from moshi_frontend.replica import Replica
from moshi_frontend.trust import Trust
from support.fake_moshi import FakeMoshi

pytestmark = pytest.mark.anyio

type Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[Replica, list[object]]]:
    """A replica, and the connections that it gets."""
    connections: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answer(reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    yield Replica(Endpoint(f"http://{host}:{port}")), connections
    listening.close()


async def test_a_connection_is_kept_for_the_next_probe() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(FakeMoshi().info).encode()
        while await reader.readline():
            while await reader.readline() not in (b"\r\n", b""):
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with server(answer) as (replica, connections):
        prober = Prober(Trust(None), {})
        for _ in range(5):
            await prober.ask(replica)
            assert replica.is_ready
        assert len(connections) == 1
        await prober.close()


async def test_one_that_accepts_and_says_nothing_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PHASE_SECONDS", 0.1)
    monkeypatch.setattr(schemes, "ASK_SECONDS", 0.1)

    async def answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass

    async with server(answer) as (replica, _):
        prober = Prober(Trust(None), {})
        await prober.ask(replica)
        assert (replica.is_ready, replica.health.detail) == (False, "no answer in time")
        await prober.close()
