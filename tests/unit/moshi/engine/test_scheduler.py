"""The scheduler in simulated time: it decides, and a step takes as long as the test says."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_backend.engine.scheduler import CATCH_UP, PERIOD, Decode, Idle, Input, Scheduler, StepTimes

SMALL = 1e-9


@dataclass
class Simulation:
    """Slots whose frames arrive at given times, and a batch that steps when the scheduler says."""

    arrivals: dict[int, list[float]]
    step: Callable[[], float]
    lags: dict[int, list[float]] = field(default_factory=dict)
    steps: list[tuple[float, list[int]]] = field(default_factory=list)

    def run(self) -> "Simulation":
        scheduler = Scheduler()
        for _ in range(StepTimes.WINDOW):
            scheduler.times.add(self.step())
        coming = {slot: deque(times) for slot, times in self.arrivals.items()}
        waiting: dict[int, deque[float]] = {slot: deque() for slot in self.arrivals}
        newest: dict[int, float | None] = dict.fromkeys(self.arrivals)
        self.lags = {slot: [] for slot in self.arrivals}
        now = 0.0
        while True:
            for slot, times in coming.items():
                while times and times[0] <= now + SMALL:
                    newest[slot] = times.popleft()
                    waiting[slot].append(newest[slot] or 0.0)
            inputs = {slot: Input(queue[0] if queue else None, newest[slot]) for slot, queue in waiting.items()}
            match scheduler.schedule(now, inputs):
                case Decode(slots):
                    began, now = now, now + self.step()
                    for slot in slots:
                        self.lags[slot].append(now - waiting[slot].popleft())
                    scheduler.decoded(slots, began, now)
                    self.steps.append((began, slots))
                case Idle(until):
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


def test_slots_that_are_due_within_a_step_share_one() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.008)}, lambda: 0.01).run()
    shared = [slots for _, slots in simulation.steps if slots == [0, 1]]
    assert len(shared) >= 48  # all but the first, in which slot 1 was not known yet, and the one after it
    assert max(simulation.lags[0][2:]) == pytest.approx(0.018)


def test_slots_far_apart_do_not_wait_for_each_other() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.04)}, lambda: 0.01).run()
    assert max(map(max, simulation.lags.values())) == pytest.approx(0.01)


def test_a_slot_that_has_gone_silent_is_not_waited_for() -> None:
    simulation = Simulation({0: paced(0), 1: paced(0.008, frames=5)}, lambda: 0.01).run()
    assert simulation.lags[0][10:] == pytest.approx([0.01] * 40)


def test_a_step_that_leaves_no_slack_leaves_no_waiting() -> None:
    times = StepTimes()
    times.add(0.05)
    assert times.hold == 0
    for seconds in (0.03,) * 64:
        times.add(seconds)
    assert times.hold == pytest.approx(0.02)  # 80 ms less a typical and a slow step
    for seconds in (0.01,) * 64:
        times.add(seconds)
    assert times.hold == pytest.approx(0.01)


def test_a_stalled_client_catches_up_at_twice_real_time() -> None:
    burst = [1.0] * 20
    simulation = Simulation({0: burst}, lambda: 0.005).run()
    starts = [began for began, _ in simulation.steps]
    assert starts[-1] - starts[0] == pytest.approx(19 * CATCH_UP)


def test_a_new_conversation_does_not_pay_for_the_one_before_it() -> None:
    scheduler = Scheduler()
    scheduler.decoded([0], 1.0, 1.005)
    assert scheduler.schedule(1.01, {0: Input(1.01, 1.01)}) == Idle(1.0 + CATCH_UP)
    scheduler.assigned(0)
    assert scheduler.schedule(1.01, {0: Input(1.01, 1.01)}) == Decode([0])


def test_who_is_ahead_of_its_time_rides_along_but_triggers_nothing() -> None:
    flood = [index * PERIOD / 10 for index in range(200)]
    simulation = Simulation({0: paced(0.003, 20), 1: flood}, lambda: 0.002).run()
    during = [slots for began, slots in simulation.steps if began < 20 * PERIOD]
    assert len(during) <= 3 * 20


@settings(max_examples=60, deadline=None)
@given(
    phases=st.lists(st.floats(0, PERIOD), min_size=1, max_size=24),
    step=st.floats(0.001, 0.079),
    flooded=st.booleans(),
)
def test_no_frame_is_later_than_two_steps_whoever_else_is_there(
    phases: list[float], step: float, flooded: bool
) -> None:
    """Which is within its time of 80 ms as long as two steps fit into it. A flood does not change that."""
    arrivals = {slot: paced(phase, frames=30) for slot, phase in enumerate(phases)}
    if flooded:
        arrivals[len(phases)] = [index * PERIOD / 10 for index in range(300)]
    simulation = Simulation(arrivals, lambda: step).run()
    for slot in range(len(phases)):
        assert len(simulation.lags[slot]) == 30
        assert max(simulation.lags[slot]) <= 2 * step + SMALL


@settings(max_examples=30, deadline=None)
@given(phases=st.lists(st.floats(0, PERIOD), min_size=2, max_size=16), step=st.floats(0.002, 0.02))
def test_waiting_saves_steps(phases: list[float], step: float) -> None:
    """Never more than one for two steps' time."""
    simulation = Simulation({slot: paced(phase, frames=30) for slot, phase in enumerate(phases)}, lambda: step).run()
    span = simulation.steps[-1][0] - simulation.steps[0][0]
    assert len(simulation.steps) <= 30 * min(len(phases), span / 30 / step + 1) + 2


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_frame_is_answered_once_and_in_order(data: st.DataObject) -> None:
    moments = st.lists(st.floats(0, 2), max_size=40).map(sorted)
    arrivals = {slot: data.draw(moments) for slot in range(4)}
    durations = data.draw(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=8))
    turn = iter(durations * 1000)
    simulation = Simulation(arrivals, lambda: next(turn)).run()
    assert {slot: len(lags) for slot, lags in simulation.lags.items()} == {
        slot: len(times) for slot, times in arrivals.items()
    }
    assert all(lag >= 0.001 - SMALL for lags in simulation.lags.values() for lag in lags)
