"""Limits of the connections of one address."""

from hypothesis import given
from hypothesis import strategies as st

from moshi_service.errors import conversations as errors
from moshi_service.limiter import ADDRESSES, ConnectionLimiter, Refusal


def test_an_address_has_so_many_connections_and_no_more() -> None:
    limiter = ConnectionLimiter(2, 0)
    assert limiter.enter("a") is None
    assert limiter.enter("a") is None
    assert limiter.enter("a") == Refusal(errors.address_too_many(2, "a"))
    assert limiter.enter("b") is None
    limiter.leave("a")
    assert limiter.enter("a") is None


def test_an_address_comes_so_often_and_is_told_when_it_may_again() -> None:
    limiter = ConnectionLimiter(0, 60)
    assert [limiter.enter("a", 0.0) for _ in range(60)] == [None] * 60
    assert limiter.enter("a", 0.0) == Refusal(errors.address_too_fast("a"), retry_after=1)
    assert limiter.enter("b", 0.0) is None
    assert limiter.enter("a", 1.0) is None
    assert limiter.enter("a", 1.0) is not None


def test_no_limits_are_no_limits() -> None:
    limiter = ConnectionLimiter(0, 0)
    assert {limiter.enter("a", 0.0) for _ in range(1000)} == {None}


def test_what_is_remembered_is_bounded() -> None:
    limiter = ConnectionLimiter(0, 60)
    for number in range(20_000):
        limiter.enter(str(number), 0.0)
        limiter.leave(str(number))
    assert len(limiter._paid_until) == ADDRESSES
    assert limiter._open == {}


@given(
    per_minute=st.integers(1, 100),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_no_address_comes_in_oftener_than_allowed(per_minute: int, gaps: list[float]) -> None:
    limiter = ConnectionLimiter(0, per_minute)
    now, entered = 0.0, []
    for gap in gaps:
        now += gap
        if limiter.enter("a", now) is None:
            entered.append(now)
    for first in range(len(entered)):
        inside = [moment for moment in entered[first:] if moment < entered[first] + 60]
        assert len(inside) <= 2 * per_minute
    assert len(entered) <= per_minute * (1 + now / 60) + 1
