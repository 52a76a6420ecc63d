import pytest

from moshi_backend.model.capacity import GIB, DoesNotFit, choose_slots, fitting

SLOT = 1_572_864_416
"""Bytes of a conversation with the 7B model: 3000 steps of keys and values in bfloat16."""


def test_what_fits_is_what_is_free_beside_the_reserve() -> None:
    assert fitting(slot_bytes=2, free=21, reserve=10) == 5
    assert fitting(slot_bytes=2, free=5, reserve=10) == 0


def test_auto_takes_what_fits_up_to_a_limit() -> None:
    assert choose_slots(None, SLOT, free=20 * GIB, most=64) == 12
    assert choose_slots(None, SLOT, free=200 * GIB, most=64) == 64


def test_a_number_that_fits_is_taken_whatever_the_limit_of_auto() -> None:
    assert choose_slots(100, SLOT, free=200 * GIB, most=64) == 100


@pytest.mark.parametrize(("wanted", "free", "fit"), [(40, 20, 12), (1, 2, 0), (None, 2, 0)])
def test_too_many_is_told_with_how_many_would_fit(wanted: int | None, free: int, fit: int) -> None:
    with pytest.raises(DoesNotFit) as caught:
        choose_slots(wanted, SLOT, free=free * GIB, most=64)
    full = caught.value
    assert (full.wanted, full.fitting, full.slot_bytes, full.free) == (wanted, fit, SLOT, (free - 1) * GIB)
