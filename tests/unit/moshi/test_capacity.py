import pytest

from moshi_backend.errors import LoadError
from moshi_backend.model.capacity import GIB, choose_slots, fitting

ROW = 1_572_864_416
"""Bytes of a conversation with the 7B model: 3000 steps of keys and values in bfloat16."""


def test_what_fits_is_what_is_free_beside_the_reserve() -> None:
    assert fitting(row_bytes=2, free=21, reserve=10) == 5
    assert fitting(row_bytes=2, free=5, reserve=10) == 0


def test_auto_takes_what_fits_up_to_a_limit() -> None:
    assert choose_slots(None, ROW, free=20 * GIB, most=64) == 12
    assert choose_slots(None, ROW, free=200 * GIB, most=64) == 64


def test_a_number_that_fits_is_taken_whatever_the_limit_of_auto() -> None:
    assert choose_slots(100, ROW, free=200 * GIB, most=64) == 100


def test_too_many_says_how_many_would_fit() -> None:
    with pytest.raises(LoadError, match=r"MOSHI_SLOTS=40 takes 58\.59 GiB .* 19\.00 GiB are free .* 12 would fit"):
        choose_slots(40, ROW, free=20 * GIB, most=64)


@pytest.mark.parametrize("wanted", [None, 1])
def test_not_even_one_says_so(wanted: int | None) -> None:
    with pytest.raises(LoadError, match=r"1\.46 GiB .* none fits: free some memory or .*MOSHI_CONTEXT"):
        choose_slots(wanted, ROW, free=2 * GIB, most=64)
