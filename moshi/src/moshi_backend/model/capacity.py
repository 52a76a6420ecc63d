"""How many conversations fit into the memory."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

GIB = 2**30

MOST_SLOTS = 256
"""Slots that are chosen at most, whatever fits. The service then measures how many of them it can step in time."""

SLOTS_PER_CORE = 8
"""Slots that are chosen for each core of a CPU: 16 conversations with the demo model keep two cores half busy."""

RESERVE = GIB
"""Bytes to leave free for what libraries keep."""


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


@dataclass(frozen=True)
class Needs:
    """Memory that slots take, in bytes.

    Attributes:
        slot: of one slot: its state, and what a step needs for it while it runs.
        graph: of one recorded CUDA graph.
        reserve: to leave free.
        graphs: how many graphs there are for a number of slots.
    """

    slot: int
    graph: int = 0
    reserve: int = RESERVE
    graphs: Callable[[int], int] = lambda slots: 0

    def total(self, slots: int) -> int:
        """Bytes of so many slots."""
        return slots * self.slot + self.graphs(slots) * self.graph + self.reserve

    def fitting(self, free: int) -> int:
        """Slots that `free` bytes hold."""
        most = max(0, free // self.slot)
        return bisect_right(range(1, most + 1), free, key=self.total)


def choose_slots(wanted: int | None, needs: Needs, free: int, most: int) -> int:
    """`wanted`, or as many as fit but not more than `most`.

    Args:
        free: bytes of free memory.
    Raises:
        DoesNotFit: so many do not fit.
    """
    fit = needs.fitting(free)
    if fit < (wanted or 1):
        graphs = needs.graphs(wanted or 1) * needs.graph
        raise DoesNotFit(wanted, fit, needs.slot, max(0, free - needs.reserve - graphs))
    return wanted or min(fit, most)
