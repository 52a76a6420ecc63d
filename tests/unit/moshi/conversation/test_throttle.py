"""How fast a client may send, on a clock of the test's own."""

from hypothesis import given
from hypothesis import strategies as st

from moshi_backend.conversation.throttle import Throttle


def test_work_at_real_time_never_waits() -> None:
    throttle = Throttle(burst=0.5, now=0)
    assert [throttle.wait(0.08, step * 0.08) for step in range(100)] == [0] * 100


def test_a_burst_passes_and_what_is_beyond_it_waits() -> None:
    throttle = Throttle(burst=1.0, now=0)
    assert [round(throttle.wait(0.5, 0), 6) for _ in range(4)] == [0, 0, 0.5, 1.0]


def test_who_was_silent_has_no_more_than_the_burst() -> None:
    throttle = Throttle(burst=1.0, now=0)
    assert throttle.wait(1.5, now=1000) == 0.5


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50), st.floats(0, 3))
def test_who_waits_as_told_never_works_faster_than_real_time_and_a_burst(
    steps: list[tuple[float, float]], burst: float
) -> None:
    throttle = Throttle(burst, now=0)
    now = done = 0.0
    for work, pause in steps:
        now += throttle.wait(work, now) + pause
        done += work
        assert done <= now + burst + 1e-9
