"""How often one address may come: the same in both services, which share no code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import moshi_backend.api.auth
import moshi_frontend.access

type Doorkeepers = type[moshi_backend.api.auth.Doorkeeper] | type[moshi_frontend.access.Doorkeeper]

both = pytest.mark.parametrize("doorkeeper", [moshi_backend.api.auth.Doorkeeper, moshi_frontend.access.Doorkeeper])


@both
def test_an_address_has_so_many_connections_and_no_more(doorkeeper: Doorkeepers) -> None:
    door = doorkeeper(2, 0)
    assert door.enter("a") is None
    assert door.enter("a") is None
    assert door.enter("a") == "2 connections are open from a already"
    assert door.enter("b") is None
    door.leave("a")
    assert door.enter("a") is None


@both
def test_an_address_comes_so_often_and_is_told_when_it_may_again(doorkeeper: Doorkeepers) -> None:
    door = doorkeeper(0, 60)
    assert [door.enter("a", 0.0) for _ in range(60)] == [None] * 60
    assert door.enter("a", 0.0) == "too many connections from a; Retry-After: 1"
    assert door.enter("b", 0.0) is None
    assert door.enter("a", 1.0) is None
    assert door.enter("a", 1.0) is not None


@both
def test_no_limits_are_no_limits(doorkeeper: Doorkeepers) -> None:
    door = doorkeeper(0, 0)
    assert {door.enter("a", 0.0) for _ in range(1000)} == {None}


@both
def test_what_is_remembered_is_bounded(doorkeeper: Doorkeepers) -> None:
    door = doorkeeper(0, 60)
    for number in range(20_000):
        door.enter(str(number), 0.0)
        door.leave(str(number))
    assert len(door._paid_until) == moshi_backend.api.auth.ADDRESSES == moshi_frontend.access.ADDRESSES
    assert door._open == {}


@given(
    per_minute=st.integers(1, 100),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_no_address_comes_in_oftener_than_allowed(per_minute: int, gaps: list[float]) -> None:
    door = moshi_backend.api.auth.Doorkeeper(0, per_minute)
    now, entered = 0.0, []
    for gap in gaps:
        now += gap
        if door.enter("a", now) is None:
            entered.append(now)
    for first in range(len(entered)):
        inside = [moment for moment in entered[first:] if moment < entered[first] + 60]
        assert len(inside) <= 2 * per_minute
    assert len(entered) <= per_minute * (1 + now / 60) + 1
