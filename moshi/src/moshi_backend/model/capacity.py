"""How many conversations fit."""

from moshi_backend.errors import LoadError

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


PCIE = 25e9
"""Bytes a second over PCIe 4.0 x16, at best."""


def check_weights(weight_bytes: int, row_bytes: int, free: int, reserve: int = RESERVE) -> None:
    """
    Raises:
        LoadError: not even one conversation fits beside the weights, or the weights do not.
    """
    needed = weight_bytes + row_bytes + reserve
    if needed <= free:
        return
    if weight_bytes + reserve < free:
        advice = "MOSHI_CONTEXT makes a conversation smaller"
    else:
        seconds = weight_bytes / PCIE
        advice = (
            "a smaller model or a larger GPU is needed; weights kept in the host's memory would have to cross PCIe for "
            f"each frame of 0.08 s, which takes {seconds:.1f} s"
        )
    raise LoadError(
        f"the GPU has {_size(free)} free, and the weights take {_size(weight_bytes)}, a conversation "
        f"{_size(row_bytes)} and calculations {_size(reserve)}: {advice}"
    )


def choose_slots(wanted: int | None, row_bytes: int, free: int, most: int, reserve: int = RESERVE) -> int:
    """`wanted`, or as many as fit but not more than `most`.

    Raises:
        LoadError: so many do not fit.
    """
    fit = fitting(row_bytes, free, reserve)
    if fit >= (wanted or 1):
        return wanted or min(fit, most)
    takes = f"{_size((wanted or 1) * row_bytes)} beside the weights, {_size(row_bytes)} a conversation"
    asked = f"MOSHI_SLOTS={wanted} takes {takes}" if wanted else f"one conversation takes {takes}"
    advice = f"{fit} would fit: lower MOSHI_SLOTS" if fit else "none fits: free some memory"
    raise LoadError(f"{asked}, and {_size(max(0, free - reserve))} are free for it; {advice} or MOSHI_CONTEXT")


def _size(number: int) -> str:
    return f"{number / GIB:.2f} GiB" if number >= GIB / 10 else f"{number / 2**20:.1f} MiB"
