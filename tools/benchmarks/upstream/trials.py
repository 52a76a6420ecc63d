"""The questions to a server, one function for each."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.upstream.servers import Server
from loadtest.abuse import Ending, misbehave
from loadtest.figures import Figures
from loadtest.load import Outcome, Plan, run
from loadtest.report import figures
from moshi_service.protocol.events import SessionEvent
from scenario6_client.connection import dial
from scenario6_client.conversation import Conversation, converse

READY_SECONDS = 90.0

type Speech = Sequence[bytes]


@dataclass(frozen=True)
class Arrival:
    """A client that comes while others are there."""

    waited_seconds: float
    """Until the handshake, until it was turned away, or until it gave up."""
    handshake_seconds: float | None
    turned_away: bool
    told: tuple[str, ...]
    """Events, and the reason of the end."""


@dataclass(frozen=True)
class Shutdown:
    """SIGTERM while someone talks."""

    exit_seconds: float | None
    """None if the process was still there when the patience ended."""
    exit_code: int | None
    close_code: int | None
    """Of the conversation: none if it went on, 1006 if the connection was dropped without a word."""
    close_reason: str
    patience_seconds: float


@dataclass(frozen=True)
class Flooded:
    """A paced client and one that sends ten times as fast."""

    paced: Figures
    flood: Ending


async def until_ready(server: Server) -> float:
    """Seconds until it gives a handshake: it has started, or is done with the client before.

    Raises:
        RuntimeError: it ended, or takes longer than READY_SECONDS.
    """
    began = time.monotonic()
    while time.monotonic() < began + READY_SECONDS:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.name} ended with exit code {server.process.returncode}; see {server.log}")
        if (await converse(server.url, [], patience=2.0, grace=0.0)).handshake_seconds is not None:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{server.name} gave no handshake in {READY_SECONDS:g} s; see {server.log}")


async def clients(server: Server, speech: Speech, count: int, seconds: float, *abusive: str) -> tuple[Figures, Outcome]:
    """So many clients at the same time, and abusive ones that join once they talk."""
    await until_ready(server)
    plan = Plan(server.url, sessions=count, seconds=seconds, queue_patience=seconds, start_timeout=2.0, abusive=abusive)
    result = await run(plan, speech)
    return figures(plan, result), result


async def steps(server: Server, speech: Speech, counts: Sequence[int], seconds: float) -> list[Figures]:
    """More and more clients, up to the first count that it does not hold."""
    measured: list[Figures] = []
    for count in counts:
        measured.append((await clients(server, speech, count, seconds))[0])
        if not measured[-1].held:
            break
    return measured


async def second_client(server: Server, speech: Speech, seconds: float) -> Arrival:
    """Someone comes one second into a conversation of `seconds`, and is more patient than that."""
    await until_ready(server)
    first = asyncio.create_task(converse(server.url, speech[: round(seconds / 0.08)], keep_audio=False))
    await asyncio.sleep(1.0)
    arrival = await _arrive(server, seconds + 2.0)
    await first
    return arrival


async def one_too_many(server: Server, patience: float) -> Arrival:
    """Someone comes when all the conversations that the server means to hold are there."""
    await until_ready(server)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(server.capacity):
            socket = await stack.enter_async_context(dial(server.url, None, 5.0))
            async with asyncio.timeout(5.0):
                await socket.recv()
        return await _arrive(server, patience)


async def flood_joins(server: Server, speech: Speech, seconds: float) -> Flooded:
    """A paced client that talks when a flood of ten times real time comes."""
    measured, result = await clients(server, speech, 1, seconds, "flood")
    return Flooded(measured, result.endings[0])


async def flood_first(server: Server, speech: Speech, seconds: float) -> Flooded:
    """A paced client that comes one second after a flood of ten times real time began."""
    await until_ready(server)
    stop = asyncio.Event()
    flood = asyncio.create_task(misbehave("flood", server.url, speech, stop, None, 5.0))
    await asyncio.sleep(1.0)
    plan = Plan(server.url, seconds=seconds, queue_patience=seconds)
    result = await run(plan, speech)
    stop.set()
    return Flooded(figures(plan, result), await flood)


async def shutdown(server: Server, speech: Speech, patience: float) -> Shutdown:
    """SIGTERM one second into a conversation that would go on; the server is not there any more after it."""
    await until_ready(server)
    live = Conversation()
    talk = asyncio.create_task(converse(server.url, speech, keep_audio=False, into=live))
    await asyncio.sleep(1.0)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while server.process.poll() is None and time.monotonic() < began + patience:
        await asyncio.sleep(0.02)
    took = time.monotonic() - began
    code = server.process.poll()
    if code is not None:
        await asyncio.wait({talk}, timeout=5.0)
    # Before the process is killed, which would end the conversation too.
    seen = live.close_code, live.close_reason
    server.process.kill()
    await talk
    return Shutdown(None if code is None else round(took, 2), code, *seen, patience)


async def _arrive(server: Server, patience: float) -> Arrival:
    began = time.monotonic()
    came = await converse(server.url + "?protocol=2", [], patience=patience, grace=0.0)
    waited = time.monotonic() - began if came.ended_by_server else patience
    # Which session it became says nothing here beyond the handshake.
    news = (event.model_dump() for event in came.events if not isinstance(event, SessionEvent))
    said = [", ".join(f"{key} {value}" for key, value in item.items()) for item in news]
    if came.ended_by_server:
        said.append(f"{came.close_code} {came.close_reason}".strip())
    handshake = None if came.handshake_seconds is None else round(came.handshake_seconds, 3)
    return Arrival(handshake or round(waited, 3), handshake, came.ended_by_server, tuple(said))
