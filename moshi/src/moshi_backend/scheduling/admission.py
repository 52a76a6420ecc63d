"""Who gets a slot, and who waits for one."""

from collections import deque
from dataclasses import dataclass

SMOOTHING = 0.2
"""Weight of the last conversation in the average of their lengths."""


class Full(Exception):
    """Every slot is in use, and everyone who may wait waits."""


@dataclass(frozen=True)
class Place:
    """In the queue: 1 is next. `wait` is an estimate in seconds, none while nothing is known to base it on."""

    position: int
    wait: float | None


class Admission[Guest]:
    """First come, first served.

    Args:
        slots: conversations at the same time.
        queue: guests who may wait.
        longest: seconds after which a conversation is ended; 0 for never. Only the estimates need it.
    """

    def __init__(self, slots: int, queue: int, longest: float = 0.0) -> None:
        self.slots = slots
        self.queue = queue
        self._longest = longest
        self._talking: dict[Guest, tuple[int, float]] = {}
        self._waiting: deque[Guest] = deque()
        self._average: float | None = None

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
        length = now - began
        self._average = length if self._average is None else self._average + SMOOTHING * (length - self._average)
        if not self._waiting:
            return None
        following = self._waiting.popleft()
        self._seat(following, now)
        return following

    def place(self, guest: Guest, now: float) -> Place:
        """Where a waiting guest stands.

        The estimate: slots become free at the rate that conversations of average length give, but no later than the
        longest allowed conversations force them to.
        """
        position = self._waiting.index(guest) + 1
        estimates = []
        if self._average is not None:
            estimates.append(position * self._average / self.slots)
        if self._longest:
            ends = sorted(max(0.0, began + self._longest - now) for _, began in self._talking.values())
            rounds, turn = divmod(position - 1, self.slots)
            estimates.append(ends[turn] + rounds * self._longest)
        return Place(position, min(estimates, default=None))

    def _seat(self, guest: Guest, now: float) -> int:
        taken = {slot for slot, _ in self._talking.values()}
        free = next(slot for slot in range(self.slots) if slot not in taken)
        self._talking[guest] = (free, now)
        return free
