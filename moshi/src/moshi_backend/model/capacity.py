"""How many conversations fit into the memory."""

GIB = 2**30

MAX_SLOTS_ON_A_GPU = 64
"""Slots that are chosen for a GPU at most: more than it can step in time with any known model."""

SLOTS_PER_CORE = 8
"""Slots that are chosen for each core of a CPU: 16 conversations with the demo model keep two cores half busy."""

RESERVE = GIB
"""Bytes to leave free for what steps need while they run and what libraries keep."""


class DoesNotFit(Exception):
    """The memory holds fewer conversations than it should.

    Attributes:
        wanted: slots that were asked for; none if as many as fit were.
        fitting: slots that would fit.
        slot_bytes: memory of one slot.
        free: bytes that are free for slots.
    """

    def __init__(self, wanted: int | None, fitting: int, slot_bytes: int, free: int) -> None:
        super().__init__(f"{wanted or 1} slots of {slot_bytes} bytes do not fit into {free} bytes")
        self.wanted = wanted
        self.fitting = fitting
        self.slot_bytes = slot_bytes
        self.free = free


def fitting(slot_bytes: int, free: int, reserve: int = RESERVE) -> int:
    """Slots that `free` bytes hold beside `reserve` bytes."""
    return max(0, (free - reserve) // slot_bytes)


def choose_slots(wanted: int | None, slot_bytes: int, free: int, most: int, reserve: int = RESERVE) -> int:
    """`wanted`, or as many as fit but not more than `most`.

    Args:
        slot_bytes, free, reserve: bytes of one slot, of the free memory, and of the part of it to leave free.
    Raises:
        DoesNotFit: so many do not fit.
    """
    fit = fitting(slot_bytes, free, reserve)
    if fit < (wanted or 1):
        raise DoesNotFit(wanted, fit, slot_bytes, max(0, free - reserve))
    return wanted or min(fit, most)
