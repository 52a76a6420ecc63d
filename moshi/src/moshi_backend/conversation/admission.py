"""The slots and the queue for them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

REMEMBERED = 50
"""Finished conversations whose lengths the estimate of the wait uses."""


class Full(Exception):
    """Every slot is in use, and the queue is full."""


@dataclass(frozen=True)
class Place:
    """A place in the queue.

    Attributes:
        position: 1 is next.
        wait: an estimate in seconds, from the lengths of earlier conversations; None until one has ended.
        longest: an upper bound in seconds; None if conversations may last for ever.
    """

    position: int
    wait: float | None
    longest: float | None = None


@dataclass(frozen=True)
class _Forecast:
    """The common part of all places in the queue at one moment.

    Attributes:
        ends: seconds until each conversation must have ended, the soonest first; empty if they may last for ever.
        longest: seconds that a conversation may last; 0 for ever.
        pace: seconds between two ends, as far as known.
    """

    ends: Sequence[float]
    longest: float
    pace: float | None

    def place(self, position: int) -> Place:
        """The place with this position.

        The bound assumes that every conversation lasts as long as it may. The estimate never exceeds the bound.
        """
        longest = None
        if self.ends:
            rounds, turn = divmod(position - 1, len(self.ends))
            longest = self.ends[turn] + rounds * self.longest
        wait = None if self.pace is None else position * self.pace
        if wait is not None and longest is not None:
            wait = min(wait, longest)
        return Place(position, wait, longest)


class Admission[Guest]:
    """Assigns slots, first come, first served. A guest is anything that can be compared, such as a session.

    Args:
        slots: conversations at the same time. The number may change while no slot is in use.
        queue: guests that may wait.
        longest: seconds after which a conversation is ended; 0 for never. Only the estimates of waits use it.
    """

    def __init__(self, slots: int, queue: int, longest: float = 0.0) -> None:
        self.slots = slots
        self.queue = queue
        self._longest = longest
        self._talking: dict[Guest, tuple[int, float]] = {}
        self._waiting: deque[Guest] = deque()
        self._lengths: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def used(self) -> int:
        """Slots in use."""
        return len(self._talking)

    @property
    def waiting(self) -> list[Guest]:
        """The guests in the queue, the next one first."""
        return list(self._waiting)

    def has_room(self, *, may_wait: bool) -> bool:
        """Whether a new guest would find a slot, or a place in the queue if it may wait."""
        return len(self._talking) < self.slots or (may_wait and len(self._waiting) < self.queue)

    def slot(self, guest: Guest) -> int | None:
        """The guest's slot; None while it waits."""
        return self._talking[guest][0] if guest in self._talking else None

    def enter(self, guest: Guest, now: float, *, may_wait: bool = True) -> int | None:
        """Assign the lowest free slot and return it, or let the guest wait, if it may, and return None.

        Raises:
            Full: neither is possible.
        """
        if not self.has_room(may_wait=may_wait):
            raise Full
        if len(self._talking) < self.slots:
            return self._assign(guest, now)
        self._waiting.append(guest)
        return None

    def leave(self, guest: Guest, now: float) -> Guest | None:
        """Release the guest's slot or its place in the queue. Leaving twice is harmless.

        Returns:
            the waiting guest that gets the slot; None if there is none.
        """
        if guest not in self._talking:
            if guest in self._waiting:
                self._waiting.remove(guest)
            return None
        _, began = self._talking.pop(guest)
        self._lengths.append(now - began)
        if not self._waiting:
            return None
        following = self._waiting.popleft()
        self._assign(following, now)
        return following

    def place(self, guest: Guest, now: float) -> Place:
        """The place of a waiting guest."""
        return self._forecast(now).place(self._waiting.index(guest) + 1)

    def places(self, now: float) -> list[tuple[Guest, Place]]:
        """Every waiting guest with its place, the next one first."""
        forecast = self._forecast(now)
        return [(guest, forecast.place(position)) for position, guest in enumerate(self._waiting, 1)]

    def _forecast(self, now: float) -> _Forecast:
        """The estimate assumes that slots become free as often as before: ends per second of conversation.

        Live conversations count with the time that they have lasted, so that a few short ones do not hide the long
        ones.
        """
        begins = [began for _, began in self._talking.values()]
        ends = sorted(max(0.0, began + self._longest - now) for began in begins) if self._longest else []
        pace = None
        if self._lengths:
            seconds = sum(self._lengths) + sum(now - began for began in begins)
            pace = seconds / len(self._lengths) / self.slots
        return _Forecast(ends, self._longest, pace)

    def _assign(self, guest: Guest, now: float) -> int:
        taken = {slot for slot, _ in self._talking.values()}
        free = next(slot for slot in range(self.slots) if slot not in taken)
        self._talking[guest] = (free, now)
        return free
