"""A number and its noun agree."""

from moshi_backend.wording import counted


def test_one_is_singular() -> None:
    assert [counted(number, "slot") for number in (0, 1, 2)] == ["0 slots", "1 slot", "2 slots"]
