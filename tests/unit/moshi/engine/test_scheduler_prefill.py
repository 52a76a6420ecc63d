"""Rows that read their prefix beside live ones: the policy in simulated time, and the engine with a fake model."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_backend.conversation.limits import Limits
from moshi_backend.conversation.manager import Lobby
from moshi_backend.conversation.session import Admitted, Item, Preparing, Session
from moshi_backend.engine.scheduler import CHUNK as MOST
from moshi_backend.engine.scheduler import (
    LEAST_CHUNK,
    PATIENCE,
    PERIOD,
    ChunkSize,
    Input,
    Prepare,
    Step,
    Ticking,
    TickTimes,
    Wait,
)
from support.fakes import CHUNK, FakeModel, prefix, samples, session, started

SMALL = 1e-9


@dataclass
class Simulation:
    """Paced rows, a batch whose ticks take `tick`, and one more row that reads `positions` from a moment on.

    `chunk` is what a chunk of the largest size takes; a smaller one takes its part of it, and `least`.
    """

    phases: list[float]
    tick: float
    chunk: float
    positions: int
    least: float = 0.0
    begins: float = 0.5
    frames: int = 60
    lags: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    """When each chunk ended."""

    def took(self, positions: int) -> float:
        return max(self.least, self.chunk * positions / MOST)

    def run(self) -> "Simulation":
        ticking = Ticking()
        for _ in range(TickTimes.WINDOW):
            ticking.times.add(self.tick)
        ticking.prepared(MOST, 0.0, self.took(MOST))
        left = self.positions
        coming = [deque(phase + index * PERIOD for index in range(self.frames)) for phase in self.phases]
        waiting: list[deque[float]] = [deque() for _ in self.phases]
        newest: list[float | None] = [None] * len(self.phases)
        reader, now = len(self.phases), 0.0
        while True:
            for row, times in enumerate(coming):
                while times and times[0] <= now + SMALL:
                    newest[row] = times.popleft()
                    waiting[row].append(newest[row] or 0.0)
            inputs = {row: Input(queue[0] if queue else None, newest[row]) for row, queue in enumerate(waiting)}
            inputs[reader] = Input(None, None)
            reads = now >= self.begins and left > 0
            match ticking.plan(now, inputs, [reader] if reads else []):
                case Step(rows):
                    began, now = now, now + self.tick
                    self.lags += [now - waiting[row].popleft() for row in rows]
                    ticking.stepped(rows, began, now)
                case Prepare(row, positions):
                    assert row == reader
                    positions = min(positions, left)
                    left -= positions
                    began, now = now, now + self.took(positions)
                    ticking.prepared(positions, began, now)
                    self.read.append(now)
                case Wait(until):
                    moments = [times[0] for times in coming if times]
                    moments += [] if until is None else [until]
                    moments += [self.begins] if now < self.begins else []
                    if not moments:
                        return self
                    now = max(now, min(moments))


def test_alone_it_reads_the_largest_chunks_without_a_pause() -> None:
    simulation = Simulation([], tick=0.001, chunk=0.01, positions=20 * MOST).run()
    assert simulation.read[-1] == pytest.approx(0.5 + 20 * 0.01)


@settings(max_examples=80, deadline=None)
@given(
    phases=st.lists(st.floats(0, PERIOD), min_size=1, max_size=6),
    tick=st.floats(0.001, 0.012),
    chunk=st.floats(0.001, 0.2),
    least=st.floats(0, 0.01),
)
def test_beside_live_rows_it_gets_there_and_makes_them_wait_a_chunk_at_most_now_and_then(
    phases: list[float], tick: float, chunk: float, least: float
) -> None:
    simulation = Simulation(phases, tick, chunk, 10 * MOST, least, frames=400).run()
    assert len(simulation.lags) == len(phases) * simulation.frames
    # The first chunks of a long one, until its size is found, may be late by their whole length.
    assert max(simulation.lags) <= 2 * tick + max(chunk, least) + SMALL
    late = [lag for lag in simulation.lags if lag > 2 * tick + SMALL]
    took = simulation.read[-1] - simulation.begins
    # Only chunks that were taken out of patience make anybody wait, and each a few frames.
    assert len(late) <= len(phases) * (took / PATIENCE + 1) * (1 + max(chunk, least) / PERIOD)


def test_where_there_is_slack_nobody_waits() -> None:
    """Rows that are due at the same time leave the rest of it: lags are to the last digit what they are without."""
    tick, phases = 0.02, [0.0, 0.005, 0.01]
    quiet = Simulation(phases, tick, chunk=0.02, positions=0).run()
    reading = Simulation(phases, tick, chunk=0.02, positions=25 * MOST).run()
    assert len(reading.read) == 25
    assert reading.lags == pytest.approx(quiet.lags, abs=SMALL)
    # At least one chunk in each frame's time.
    assert reading.read[-1] - reading.begins <= 26 * PERIOD


def test_chunks_become_as_short_as_a_tick_where_each_position_costs() -> None:
    """As on a CPU. Then they fit between the ticks, and hardly anybody waits."""
    phases = [index * PERIOD / 8 for index in range(8)]
    simulation = Simulation(phases, tick=0.004, chunk=0.03, positions=10 * MOST, frames=150).run()
    waited = sorted(simulation.lags)[: -4 * len(phases)]
    assert waited[-1] <= 2 * 0.004 + SMALL
    assert simulation.read[-1] - simulation.begins < 1.5


def test_without_slack_it_gets_there_all_the_same() -> None:
    """Ticks that take most of the time, and chunks that cannot be made short enough for what is left."""
    phases = [index * PERIOD / 4 for index in range(4)]
    simulation = Simulation(phases, tick=0.012, chunk=0.02, positions=40, least=0.015, frames=150).run()
    assert simulation.read[-1] - simulation.begins <= len(simulation.read) * (PATIENCE + 0.04)
    assert len(simulation.read) <= 10
    assert max(simulation.lags) <= 2 * 0.012 + 0.02 + SMALL


def test_a_chunk_grows_again_when_it_is_cheap() -> None:
    size = ChunkSize()
    assert size.positions == MOST
    for _ in range(10):
        size.took(size.positions, 0.1, tick=0.01)
    assert size.positions == LEAST_CHUNK
    size.took(LEAST_CHUNK - 1, 0.0, tick=0.01)  # an end says nothing
    assert size.positions == LEAST_CHUNK
    for _ in range(10):
        size.took(size.positions, 0.001, tick=0.01)
    assert size.positions == MOST


def test_who_has_gone_silent_is_not_waited_for() -> None:
    ticking = Ticking()
    ticking.times.add(0.02)
    ticking.prepared(MOST, 0.0, 0.02)
    ticking.plan(1.0, {})
    assert ticking.plan(1.0, {0: Input(None, 0.93), 1: Input(None, None)}, [1]) == Wait(1.0 + PATIENCE)
    assert ticking.plan(1.0, {0: Input(None, 0.5), 1: Input(None, None)}, [1]) == Prepare(1, MOST)


def test_who_came_first_reads_first() -> None:
    assert Ticking().plan(0.0, {2: Input(None, None), 1: Input(None, None)}, [2, 1]) == Prepare(2, MOST)


def told(talk: Session) -> list[Item]:
    return [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]


def lobby_of(engine: object, slots: int = 1) -> Lobby:
    return Lobby(engine, queue=2, limits=Limits(), drain_seconds=0)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_a_conversation_begins_after_its_prefix_and_its_progress_is_told() -> None:
    model = FakeModel()
    async with started(model) as engine:
        talk = session(prefix(3 * CHUNK - 5))
        lobby_of(engine).enter(talk)
        assert not talk.admitted.is_set()
        async with asyncio.timeout(5):
            await talk.admitted.wait()
        said = told(talk)
        assert said[-1] == Admitted()
        steps = [item.done for item in said[:-1] if isinstance(item, Preparing)]
        assert steps == [0, CHUNK, 2 * CHUNK, 3 * CHUNK - 5]
        assert [item.left for item in said[:-1] if isinstance(item, Preparing)][-1] == 0
        engine.push(talk, samples(4))
        frame = await talk.outbox.get()
        assert getattr(frame, "pcm", None) is not None


@pytest.mark.anyio
async def test_who_leaves_in_its_prefix_frees_the_row_for_the_next() -> None:
    model = FakeModel(slots=1)
    async with started(model) as engine:
        lobby = lobby_of(engine)
        model.gate.clear()
        leaver, successor = session(prefix(100 * CHUNK)), session()
        lobby.enter(leaver)
        lobby.enter(successor)
        await asyncio.sleep(0.05)  # the engine is held in the first chunk
        lobby.leave(leaver)
        assert successor.admitted.is_set()
        model.gate.set()
        engine.push(successor, samples(8))
        told(successor)
        async with asyncio.timeout(5):
            frame = await successor.outbox.get()
        assert getattr(frame, "pcm", [0])[0] == 8
        assert len(model.chunks) == 1
        assert not leaver.admitted.is_set()


@pytest.mark.anyio
async def test_a_chunk_that_throws_ends_the_conversation_with_the_reason() -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[str] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.broken = True
        talk = session(prefix(CHUNK))
        engine.seat(talk, 0)
        async with asyncio.timeout(5):
            assert "device lost" in await failures.get()


@pytest.mark.anyio
async def test_a_live_conversation_is_answered_between_chunks() -> None:
    model = FakeModel()
    async with started(model) as engine:
        live, reader = session(), session(prefix(2000 * CHUNK))
        engine.seat(live, 0)
        engine.seat(reader, 1)
        for value in (1, 2, 3):
            engine.push(live, samples(value))
            async with asyncio.timeout(5):
                frame = await live.outbox.get()
            assert getattr(frame, "pcm", [0])[0] == value
        assert model.batches == [[0]] * 3
        engine.unseat(reader)
