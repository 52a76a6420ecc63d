"""When the batch steps, in simulated time: the policy decides, and a tick takes as long as the test says."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_backend.engine.scheduler import CATCH_UP, PERIOD, Input, Step, Ticking, TickTimes, Wait

SMALL = 1e-9


@dataclass
class Simulation:
    """Rows whose frames arrive at given times, and a batch that steps when the policy says."""

    arrivals: dict[int, list[float]]
    tick: Callable[[], float]
    lags: dict[int, list[float]] = field(default_factory=dict)
    ticks: list[tuple[float, list[int]]] = field(default_factory=list)

    def run(self) -> "Simulation":
        ticking = Ticking()
        for _ in range(TickTimes.WINDOW):
            ticking.times.add(self.tick())
        coming = {row: deque(times) for row, times in self.arrivals.items()}
        waiting: dict[int, deque[float]] = {row: deque() for row in self.arrivals}
        newest: dict[int, float | None] = dict.fromkeys(self.arrivals)
        self.lags = {row: [] for row in self.arrivals}
        now = 0.0
        while True:
            for row, times in coming.items():
                while times and times[0] <= now + SMALL:
                    newest[row] = times.popleft()
                    waiting[row].append(newest[row] or 0.0)
            inputs = {row: Input(queue[0] if queue else None, newest[row]) for row, queue in waiting.items()}
            match ticking.plan(now, inputs):
                case Step(rows):
                    began, now = now, now + self.tick()
                    for row in rows:
                        self.lags[row].append(now - waiting[row].popleft())
                    ticking.stepped(rows, began, now)
                    self.ticks.append((began, rows))
                case Wait(until):
                    moments = [queue[0] for queue in coming.values() if queue]
                    moments += [] if until is None else [until]
                    if not moments:
                        return self
                    now = max(now, min(moments))


def paced(phase: float, frames: int = 50) -> list[float]:
    return [phase + index * PERIOD for index in range(frames)]


def test_a_single_conversation_never_waits() -> None:
    simulation = Simulation({0: paced(0)}, lambda: 0.01).run()
    assert max(simulation.lags[0]) == pytest.approx(0.01)


def test_rows_that_are_due_within_a_tick_share_one() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.008)}, lambda: 0.01).run()
    shared = [rows for _, rows in simulation.ticks if rows == [0, 1]]
    assert len(shared) >= 48  # all but the first, in which row 1 was not known yet, and the one after it
    assert max(simulation.lags[0][2:]) == pytest.approx(0.018)


def test_rows_far_apart_do_not_wait_for_each_other() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.04)}, lambda: 0.01).run()
    assert max(map(max, simulation.lags.values())) == pytest.approx(0.01)


def test_a_row_that_has_gone_silent_is_not_waited_for() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.008, frames=5)}, lambda: 0.01).run()
    assert simulation.lags[0][10:] == pytest.approx([0.01] * 40)


def test_a_tick_that_leaves_no_slack_leaves_no_waiting() -> None:
    times = TickTimes()
    times.add(0.05)
    assert times.hold == 0
    for seconds in (0.03,) * 64:
        times.add(seconds)
    assert times.hold == pytest.approx(0.02)  # 80 ms less a typical and a slow tick
    for seconds in (0.01,) * 64:
        times.add(seconds)
    assert times.hold == pytest.approx(0.01)


def test_a_stalled_client_catches_up_at_twice_real_time() -> None:
    burst = [1.0] * 20
    simulation = Simulation({0: burst}, lambda: 0.005).run()
    starts = [began for began, _ in simulation.ticks]
    assert starts[-1] - starts[0] == pytest.approx(19 * CATCH_UP)


def test_a_new_conversation_does_not_pay_for_the_one_before_it() -> None:
    ticking = Ticking()
    ticking.stepped([0], 1.0, 1.005)
    assert ticking.plan(1.01, {0: Input(1.01, 1.01)}) == Wait(1.0 + CATCH_UP)
    ticking.joined(0)
    assert ticking.plan(1.01, {0: Input(1.01, 1.01)}) == Step([0])


def test_who_is_ahead_of_its_time_rides_along_but_triggers_nothing() -> None:
    flood = [index * PERIOD / 10 for index in range(200)]
    simulation = Simulation({0: paced(0.003, 20), 1: flood}, lambda: 0.002).run()
    during = [rows for began, rows in simulation.ticks if began < 20 * PERIOD]
    assert len(during) <= 3 * 20


@settings(max_examples=60, deadline=None)
@given(
    phases=st.lists(st.floats(0, PERIOD), min_size=1, max_size=24),
    tick=st.floats(0.001, 0.079),
    flooded=st.booleans(),
)
def test_no_frame_is_later_than_two_ticks_whoever_else_is_there(
    phases: list[float], tick: float, flooded: bool
) -> None:
    """Which is within its time of 80 ms as long as two ticks fit into it. A flood does not change that."""
    arrivals = {row: paced(phase, frames=30) for row, phase in enumerate(phases)}
    if flooded:
        arrivals[len(phases)] = [index * PERIOD / 10 for index in range(300)]
    simulation = Simulation(arrivals, lambda: tick).run()
    for row in range(len(phases)):
        assert len(simulation.lags[row]) == 30
        assert max(simulation.lags[row]) <= 2 * tick + SMALL


@settings(max_examples=30, deadline=None)
@given(phases=st.lists(st.floats(0, PERIOD), min_size=2, max_size=16), tick=st.floats(0.002, 0.02))
def test_waiting_saves_ticks(phases: list[float], tick: float) -> None:
    """Never more than one for two ticks' time."""
    simulation = Simulation({row: paced(phase, frames=30) for row, phase in enumerate(phases)}, lambda: tick).run()
    span = simulation.ticks[-1][0] - simulation.ticks[0][0]
    assert len(simulation.ticks) <= 30 * min(len(phases), span / 30 / tick + 1) + 2


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_frame_is_answered_once_and_in_order(data: st.DataObject) -> None:
    moments = st.lists(st.floats(0, 2), max_size=40).map(sorted)
    arrivals = {row: data.draw(moments) for row in range(4)}
    durations = data.draw(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=8))
    turn = iter(durations * 1000)
    simulation = Simulation(arrivals, lambda: next(turn)).run()
    assert {row: len(lags) for row, lags in simulation.lags.items()} == {
        row: len(times) for row, times in arrivals.items()
    }
    assert all(lag >= 0.001 - SMALL for lags in simulation.lags.values() for lag in lags)
