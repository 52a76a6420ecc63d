import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.audio import FRAME_SECONDS
from loadtest.schedule import TOLERANCE, Pace, first_turn, frames_left, phase_of, stay


def play(pace: Pace, messages: int, stalls: dict[int, float]) -> list[float]:
    """When each message went on a simulated clock, where the program wakes `stalls[n]` seconds late for message n."""
    now, sent = 0.0, []
    for index in range(messages):
        late = stalls.get(index, 0.0)
        while (seconds := pace.wait(now)) > 0:
            now += seconds + late
            late = 0.0
        sent.append(now)
        pace.went()
    return sent


def test_one_message_each_period() -> None:
    pace = Pace(1.0)
    assert play(pace, 4, {}) == pytest.approx([1.0, 1.08, 1.16, 1.24])
    assert pace.skipped == 0


def test_a_little_late_is_late_and_no_more() -> None:
    pace = Pace(1.0)
    assert play(pace, 3, {1: 0.015}) == pytest.approx([1.0, 1.095, 1.16])
    assert pace.skipped == 0
    assert pace.worst == pytest.approx(0.015)


def test_missed_turns_are_given_up_and_counted() -> None:
    pace = Pace(1.0)
    assert play(pace, 4, {1: 0.2}) == pytest.approx([1.0, 1.32, 1.40, 1.48])
    assert pace.skipped == 3
    assert pace.worst == pytest.approx(0.2)


@given(st.dictionaries(st.integers(0, 30), st.floats(0, 3)), st.floats(0, 10))
def test_no_stall_makes_a_burst_or_moves_a_client_off_its_phase(stalls: dict[int, float], start: float) -> None:
    sent = play(Pace(start), 31, stalls)
    assert len(sent) == 31
    assert all(later - earlier >= FRAME_SECONDS - TOLERANCE - 1e-6 for earlier, later in pairwise(sent))
    for moment in sent:
        turns = (moment - start) / FRAME_SECONDS
        assert -1e-6 <= (turns - round(turns - 0.01)) * FRAME_SECONDS <= TOLERANCE + 1e-6


def test_phases_are_spread_over_the_period_unless_aligned() -> None:
    assert [phase_of(client, 4, in_phase=False) for client in range(4)] == pytest.approx([0, 0.02, 0.04, 0.06])
    assert [phase_of(client, 4, in_phase=True) for client in range(4)] == [0, 0, 0, 0]


def test_the_first_turn_is_after_a_frame_was_recorded() -> None:
    assert first_turn(now=10.0, epoch=10.0, phase=0.02) == pytest.approx(10.1)


def test_whoever_joins_later_keeps_its_phase() -> None:
    assert first_turn(now=10.45, epoch=10.0, phase=0.02) == pytest.approx(10.1 + 5 * 0.08)


def test_a_wait_of_160_ms_costs_nothing_and_a_longer_one_what_it_is_longer() -> None:
    assert frames_left(100, joined=10.0, first=10.16) == 100
    assert frames_left(100, joined=10.0, first=10.0 + 0.08 * 12.5) == 90


def test_a_stay_is_all_the_time_without_churn() -> None:
    assert stay(8.0, None, random.Random(0)) == 100


@given(st.integers())
def test_with_churn_a_stay_is_about_as_long_as_asked_and_never_longer_than_the_run(seed: int) -> None:
    assert 0.5 * 50 <= stay(1000.0, 4.0, random.Random(seed)) <= 1.5 * 50
    assert stay(1.6, 4.0, random.Random(seed)) == 20
