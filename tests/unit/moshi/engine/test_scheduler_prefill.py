"""Slots in prefill beside live ones: the scheduler in simulated time."""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_backend.engine.scheduler import CHUNK as MOST
from moshi_backend.engine.scheduler import (
    LEAST_CHUNK,
    PATIENCE,
    PERIOD,
    ChunkSize,
    Decode,
    Idle,
    Input,
    Prefill,
    Scheduler,
    StepTimes,
)

SMALL = 1e-9


@dataclass
class Simulation:
    """Paced slots, a batch whose steps take `step`, and one more slot that reads `positions` from a moment on.

    `chunk` is what a chunk of the largest size takes; a smaller one takes its part of it, and `least`.
    """

    phases: list[float]
    step: float
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
        scheduler = Scheduler()
        for _ in range(StepTimes.WINDOW):
            scheduler.times.add(self.step)
        scheduler.prefilled(MOST, 0.0, self.took(MOST))
        left = self.positions
        coming = [deque(phase + index * PERIOD for index in range(self.frames)) for phase in self.phases]
        waiting: list[deque[float]] = [deque() for _ in self.phases]
        newest: list[float | None] = [None] * len(self.phases)
        reader, now = len(self.phases), 0.0
        while True:
            for slot, times in enumerate(coming):
                while times and times[0] <= now + SMALL:
                    newest[slot] = times.popleft()
                    waiting[slot].append(newest[slot] or 0.0)
            inputs = {slot: Input(queue[0] if queue else None, newest[slot]) for slot, queue in enumerate(waiting)}
            inputs[reader] = Input(None, None)
            reads = now >= self.begins and left > 0
            match scheduler.schedule(now, inputs, [reader] if reads else []):
                case Decode(slots):
                    began, now = now, now + self.step
                    self.lags += [now - waiting[slot].popleft() for slot in slots]
                    scheduler.decoded(slots, began, now)
                case Prefill(slot, positions):
                    assert slot == reader
                    positions = min(positions, left)
                    left -= positions
                    began, now = now, now + self.took(positions)
                    scheduler.prefilled(positions, began, now)
                    self.read.append(now)
                case Idle(until):
                    moments = [times[0] for times in coming if times]
                    moments += [] if until is None else [until]
                    moments += [self.begins] if now < self.begins else []
                    if not moments:
                        return self
                    now = max(now, min(moments))


def test_alone_it_reads_the_largest_chunks_without_a_pause() -> None:
    simulation = Simulation([], step=0.001, chunk=0.01, positions=20 * MOST).run()
    assert simulation.read[-1] == pytest.approx(0.5 + 20 * 0.01)


@settings(max_examples=80, deadline=None)
@given(
    phases=st.lists(st.floats(0, PERIOD), min_size=1, max_size=6),
    step=st.floats(0.001, 0.012),
    chunk=st.floats(0.001, 0.2),
    least=st.floats(0, 0.01),
)
def test_beside_live_slots_it_gets_there_and_makes_them_wait_a_chunk_at_most_now_and_then(
    phases: list[float], step: float, chunk: float, least: float
) -> None:
    simulation = Simulation(phases, step, chunk, 10 * MOST, least, frames=400).run()
    assert len(simulation.lags) == len(phases) * simulation.frames
    # The first chunks of a long one, until its size is found, may be late by their whole length.
    assert max(simulation.lags) <= 2 * step + max(chunk, least) + SMALL
    late = [lag for lag in simulation.lags if lag > 2 * step + SMALL]
    took = simulation.read[-1] - simulation.begins
    # Only chunks that were taken out of patience make anybody wait, and each a few frames.
    assert len(late) <= len(phases) * (took / PATIENCE + 1) * (1 + max(chunk, least) / PERIOD)


def test_where_there_is_slack_nobody_waits() -> None:
    """Slots that are due at the same time leave the rest of it: lags are to the last digit what they are without."""
    step, phases = 0.02, [0.0, 0.005, 0.01]
    quiet = Simulation(phases, step, chunk=0.02, positions=0).run()
    reading = Simulation(phases, step, chunk=0.02, positions=25 * MOST).run()
    assert len(reading.read) == 25
    assert reading.lags == pytest.approx(quiet.lags, abs=SMALL)
    # At least one chunk in each frame's time.
    assert reading.read[-1] - reading.begins <= 26 * PERIOD


def test_chunks_become_as_short_as_a_step_where_each_position_costs() -> None:
    """As on a CPU. Then they fit between the steps, and hardly anybody waits."""
    phases = [index * PERIOD / 8 for index in range(8)]
    simulation = Simulation(phases, step=0.004, chunk=0.03, positions=10 * MOST, frames=150).run()
    waited = sorted(simulation.lags)[: -4 * len(phases)]
    assert waited[-1] <= 2 * 0.004 + SMALL
    assert simulation.read[-1] - simulation.begins < 1.5


def test_without_slack_it_gets_there_all_the_same() -> None:
    """Steps that take most of the time, and chunks that cannot be made short enough for what is left."""
    phases = [index * PERIOD / 4 for index in range(4)]
    simulation = Simulation(phases, step=0.012, chunk=0.02, positions=40, least=0.015, frames=150).run()
    assert simulation.read[-1] - simulation.begins <= len(simulation.read) * (PATIENCE + 0.04)
    assert len(simulation.read) <= 10
    assert max(simulation.lags) <= 2 * 0.012 + 0.02 + SMALL


def test_a_chunk_grows_again_when_it_is_cheap() -> None:
    size = ChunkSize()
    assert size.positions == MOST
    for _ in range(10):
        size.took(size.positions, 0.1, step=0.01)
    assert size.positions == LEAST_CHUNK
    size.took(LEAST_CHUNK - 1, 0.0, step=0.01)  # an end says nothing
    assert size.positions == LEAST_CHUNK
    for _ in range(10):
        size.took(size.positions, 0.001, step=0.01)
    assert size.positions == MOST


def test_who_has_gone_silent_is_not_waited_for() -> None:
    scheduler = Scheduler()
    scheduler.times.add(0.02)
    scheduler.prefilled(MOST, 0.0, 0.02)
    scheduler.schedule(1.0, {})
    assert scheduler.schedule(1.0, {0: Input(None, 0.93), 1: Input(None, None)}, [1]) == Idle(1.0 + PATIENCE)
    assert scheduler.schedule(1.0, {0: Input(None, 0.5), 1: Input(None, None)}, [1]) == Prefill(1, MOST)


def test_who_came_first_reads_first() -> None:
    assert Scheduler().schedule(0.0, {2: Input(None, None), 1: Input(None, None)}, [2, 1]) == Prefill(2, MOST)
