"""Who gets a slot and who waits, on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_backend.conversation.admission import Admission, Full, Place


def test_guests_take_the_lowest_free_slot() -> None:
    admission: Admission[str] = Admission(slots=3, queue=0)
    assert [admission.enter(guest, 0) for guest in "abc"] == [0, 1, 2]
    assert admission.leave("b", 1) is None
    assert admission.enter("d", 1) == 1


def test_who_comes_first_is_served_first() -> None:
    admission: Admission[str] = Admission(slots=1, queue=2)
    admission.enter("talker", 0)
    assert admission.enter("first", 1) is None
    assert admission.enter("second", 2) is None
    assert admission.leave("talker", 3) == "first"
    assert (admission.slot("first"), admission.slot("second")) == (0, None)
    assert admission.place("second", 3).position == 1


def test_one_too_many_is_refused_and_changes_nothing() -> None:
    admission: Admission[str] = Admission(slots=1, queue=1)
    admission.enter("talker", 0)
    admission.enter("waiter", 0)
    with pytest.raises(Full):
        admission.enter("late", 0)
    assert admission.waiting == ["waiter"]
    assert admission.leave("late", 0) is None


def test_a_waiter_that_leaves_lets_the_others_move_up() -> None:
    admission: Admission[str] = Admission(slots=1, queue=3)
    for guest in ("talker", "first", "second"):
        admission.enter(guest, 0)
    assert admission.leave("first", 1) is None
    assert admission.place("second", 1).position == 1


def test_the_wait_is_unknown_until_a_conversation_has_ended() -> None:
    admission: Admission[str] = Admission(slots=1, queue=2)
    for guest in ("talker", "first", "second"):
        admission.enter(guest, 0)
    assert admission.place("first", 5) == Place(1, None)
    admission.leave("talker", 100)
    assert admission.place("second", 100) == Place(1, 100.0)


def test_the_second_in_the_queue_waits_for_two_conversations_to_end() -> None:
    admission: Admission[str] = Admission(slots=2, queue=3)
    for guest in ("a", "b", "first", "second", "third"):
        admission.enter(guest, 0)
    admission.leave("a", 60)  # one end in a minute
    assert [admission.place(guest, 60).wait for guest in ("second", "third")] == [60, 120]


def test_the_limit_of_the_conversations_gives_a_bound_and_no_estimate() -> None:
    """Measured: the page said "About 29 min 57 s" where the wait was 6 s."""
    admission: Admission[str] = Admission(slots=2, queue=5, longest=60)
    admission.enter("a", 0)
    admission.enter("b", 30)
    for guest in ("first", "second", "third"):
        admission.enter(guest, 40)
    places = [admission.place(guest, 40) for guest in ("first", "second", "third")]
    assert [place.longest for place in places] == [20, 50, 80]
    assert [place.wait for place in places] == [None, None, None]


def test_the_estimate_is_learned_from_real_lengths() -> None:
    """Conversations of 6 s, where half an hour is allowed."""
    admission: Admission[str] = Admission(slots=1, queue=2, longest=1800)
    for number in range(10):
        admission.enter(f"guest {number}", number * 6)
        admission.leave(f"guest {number}", number * 6 + 6)
    admission.enter("talker", 60)
    admission.enter("waiter", 60)
    assert admission.place("waiter", 60) == Place(1, 6.0, 1800)
    admission.leave("waiter", 60)
    admission.leave("talker", 360)
    for number in range(50):  # they now take five minutes, and it forgets the short ones
        admission.enter(f"late {number}", 360 + number * 300)
        admission.leave(f"late {number}", 660 + number * 300)
    admission.enter("another", 20_000)
    admission.enter("last", 20_000)
    assert admission.place("last", 20_000).wait == 300


def test_a_few_short_conversations_do_not_hide_the_long_ones_that_go_on() -> None:
    admission: Admission[str] = Admission(slots=4, queue=1)
    for guest in "abc":
        admission.enter(guest, 0)
    admission.enter("tries it", 600)
    admission.leave("tries it", 602)
    admission.enter("d", 602)
    admission.enter("waiter", 602)
    assert admission.place("waiter", 602).wait == pytest.approx((2 + 3 * 602) / 4)


def test_the_estimate_never_exceeds_the_bound() -> None:
    admission: Admission[str] = Admission(slots=1, queue=1, longest=100)
    admission.enter("a", 0)
    admission.leave("a", 100)
    admission.enter("b", 100)
    admission.enter("waiter", 190)
    assert admission.place("waiter", 190) == Place(1, 10, 10)


@given(
    slots=st.integers(1, 5),
    queue=st.integers(0, 4),
    moves=st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=80),
)
def test_slots_are_never_shared_or_left_free_while_somebody_waits(
    slots: int, queue: int, moves: list[tuple[bool, int]]
) -> None:
    admission: Admission[int] = Admission(slots, queue, longest=100)
    inside: set[int] = set()
    order: list[int] = []
    for now, (enters, guest) in enumerate(moves):
        if enters and guest not in inside:
            try:
                if admission.enter(guest, now) is None:
                    order.append(guest)
                inside.add(guest)
            except Full:
                assert len(inside) == slots + queue
        elif not enters:
            following = admission.leave(guest, now)
            inside.discard(guest)
            if following is not None:
                assert order.pop(0) == following
            elif guest in order:
                order.remove(guest)
        assert admission.waiting == order
        assigned = [admission.slot(guest) for guest in inside - set(order)]
        assert len(set(assigned)) == len(assigned) == admission.used
        assert all(slot is not None and 0 <= slot < slots for slot in assigned)
        assert not order or admission.used == slots
        for guest in order:
            place = admission.place(guest, now)
            assert place.longest is not None and place.longest >= 0
            assert place.wait is None or 0 <= place.wait <= place.longest
        assert admission.places(now) == [(guest, admission.place(guest, now)) for guest in order]


def test_one_that_may_not_wait_gets_a_slot_or_nothing() -> None:
    admission: Admission[str] = Admission(slots=1, queue=2)
    assert admission.enter("first", 0.0, may_wait=False) == 0
    with pytest.raises(Full):
        admission.enter("second", 0.0, may_wait=False)
    assert admission.waiting == []
