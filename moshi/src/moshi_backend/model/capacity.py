"""How many conversations fit."""

GIB = 2**30

AT_MOST = 64
"""Slots of MOSHI_SLOTS=auto on a GPU at most: more than it can step in time with any known model."""

EACH_CORE = 8
"""Slots of MOSHI_SLOTS=auto for each core of a CPU: 16 conversations with the demo model keep two cores half busy."""

RESERVE = GIB
"""Bytes to leave free for what ticks need while they run and what libraries keep."""


def fitting(row_bytes: int, free: int, reserve: int = RESERVE) -> int:
    """Rows that `free` bytes hold."""
    return max(0, (free - reserve) // row_bytes)


def choose_slots(wanted: int | None, row_bytes: int, free: int, most: int, reserve: int = RESERVE) -> int:
    """`wanted`, or as many as fit but not more than `most`.

    Raises:
        ValueError: so many do not fit.
    """
    fit = fitting(row_bytes, free, reserve)
    if fit >= (wanted or 1):
        return wanted or min(fit, most)
    takes = f"{_size((wanted or 1) * row_bytes)} beside the weights, {_size(row_bytes)} a conversation"
    asked = f"MOSHI_SLOTS={wanted} takes {takes}" if wanted else f"one conversation takes {takes}"
    advice = f"{fit} would fit: lower MOSHI_SLOTS" if fit else "none fits: free some memory"
    raise ValueError(f"{asked}, and {_size(max(0, free - reserve))} are free for it; {advice} or MOSHI_CONTEXT")


def _size(number: int) -> str:
    return f"{number / GIB:.2f} GiB" if number >= GIB / 10 else f"{number / 2**20:.1f} MiB"
