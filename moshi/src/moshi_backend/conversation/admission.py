"""Who gets a slot, and who waits for one."""

from collections import deque
from dataclasses import dataclass

REMEMBERED = 50
"""Finished conversations whose lengths are remembered."""


class Full(Exception):
    """Every slot is in use, and everyone who may wait waits."""


@dataclass(frozen=True)
class Place:
    """In the queue; position 1 is next.

    `wait` is an estimate in seconds, learned from the lengths of conversations; none until one has ended. `longest` is
    an upper bound in seconds; none where conversations may last for ever.
    """

    position: int
    wait: float | None
    longest: float | None = None


class Admission[Guest]:
    """First come, first served.

    Args:
        slots: conversations at the same time.
        queue: guests who may wait.
        longest: seconds after which a conversation is ended; 0 for never. Only the waits need it.
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
        return len(self._talking)

    @property
    def waiting(self) -> list[Guest]:
        """The next one first."""
        return list(self._waiting)

    def slot(self, guest: Guest) -> int | None:
        """The guest's slot; none while it waits."""
        return self._talking[guest][0] if guest in self._talking else None

    def enter(self, guest: Guest, now: float) -> int | None:
        """The guest's slot, the lowest free one, or none when it has to wait.

        Raises:
            Full: it can do neither.
        """
        if len(self._talking) < self.slots:
            return self._seat(guest, now)
        if len(self._waiting) >= self.queue:
            raise Full
        self._waiting.append(guest)
        return None

    def leave(self, guest: Guest, now: float) -> Guest | None:
        """Forget the guest; returns who gets its slot, if it had one and somebody waits. Leaving twice is harmless."""
        if guest not in self._talking:
            if guest in self._waiting:
                self._waiting.remove(guest)
            return None
        _, began = self._talking.pop(guest)
        self._lengths.append(now - began)
        if not self._waiting:
            return None
        following = self._waiting.popleft()
        self._seat(following, now)
        return following

    def place(self, guest: Guest, now: float) -> Place:
        """Position of a waiting guest, and how long it will wait.

        The bound counts on every conversation to last as long as it may. The estimate never exceeds it.
        """
        position = self._waiting.index(guest) + 1
        longest = self._longest_wait(position, now) if self._longest else None
        wait = self._expected_wait(position, now)
        if wait is not None and longest is not None:
            wait = min(wait, longest)
        return Place(position, wait, longest)

    def _expected_wait(self, position: int, now: float) -> float | None:
        """Slots are expected to become free as often as they did: ends per second of conversation.

        Conversations that still go on count with the time that they have lasted, so that a few short ones do not hide
        the long ones.
        """
        if not self._lengths:
            return None
        seconds = sum(self._lengths) + sum(now - began for _, began in self._talking.values())
        return position * seconds / len(self._lengths) / self.slots

    def _longest_wait(self, position: int, now: float) -> float:
        ends = sorted(max(0.0, began + self._longest - now) for _, began in self._talking.values())
        rounds, turn = divmod(position - 1, self.slots)
        return ends[turn] + rounds * self._longest

    def _seat(self, guest: Guest, now: float) -> int:
        taken = {slot for slot, _ in self._talking.values()}
        free = next(slot for slot in range(self.slots) if slot not in taken)
        self._talking[guest] = (free, now)
        return free
