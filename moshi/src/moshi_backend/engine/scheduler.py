"""When the batch steps, and with whom.

A tick costs about the same for one row as for all, so rows that are due at nearly the same time should share one. The
rule is to bind late: when the first frame arrives and another row's is due soon, wait for it, but never longer than a
tick takes. A frame that comes just after a tick has begun waits that long anyway, so waiting makes no frame later than
two ticks, which is what stepping at once would also come to; and there are up to half as many ticks. When two ticks do
not fit into a frame's time there is no slack to wait in, and the batch steps as soon as it can.

What one client does delays another's frame by at most one tick: a tick takes one frame of each row, and a row that is
ahead of its time triggers no tick of its own.

A row that prepares (reads its prefix) does so in chunks of as many positions as take about as long as a tick, when no
frame is expected before the chunk would be over: nobody waits for it. When there is no such time it gets one now and
then all the same, so that it gets there. While nobody talks, chunks are as long as can be.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PERIOD = 0.08
"""Seconds between the frames of a conversation, and so the time in which one should be answered."""

CATCH_UP = PERIOD / 2
"""Least seconds between ticks that one row triggers: after a stall it catches up at twice real time."""


PATIENCE = 0.25
"""Seconds after which a row that prepares gets a chunk although somebody may have to wait for it."""


CHUNK = 32
"""Positions that are read at once, at most."""

LEAST_CHUNK = 4


class TickTimes:
    """How long ticks take, from the last ones."""

    WINDOW = 64

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=self.WINDOW)
        self.typical = 0.0
        """Their median, seconds."""
        self.slow = 0.0
        """What one in twenty exceeds, seconds."""

    def add(self, seconds: float) -> None:
        self._last.append(seconds)
        ordered = sorted(self._last)
        self.typical = ordered[len(ordered) // 2]
        self.slow = ordered[len(ordered) * 19 // 20]

    @property
    def hold(self) -> float:
        """Seconds that a frame may wait for others: a tick's length, as far as its time allows a slow tick after it."""
        return min(self.typical, max(0.0, PERIOD - self.typical - self.slow))


class ChunkSize:
    """How many positions a chunk may have so that it takes about as long as a tick, found by trying.

    On a GPU many positions cost little more than one; on a CPU each costs the same.
    """

    def __init__(self) -> None:
        self.positions = CHUNK
        self._times = TickTimes()

    @property
    def slow(self) -> float:
        """Seconds that one in twenty of this size exceeds, as far as is known."""
        return self._times.slow

    def took(self, positions: int, seconds: float, tick: float) -> None:
        """Learn from a chunk. `tick`: what one should take."""
        if positions != self.positions:
            return  # the end of a prefix or of its voice, or nobody talked
        self._times.add(seconds)
        if seconds > 1.5 * tick:
            self._change(max(LEAST_CHUNK, self.positions // 2), seconds / 2)
        elif seconds < tick / 2:
            self._change(min(CHUNK, self.positions * 2), seconds * 2)

    def _change(self, positions: int, expected: float) -> None:
        if positions != self.positions:
            self.positions = positions
            self._times = TickTimes()
            self._times.add(expected)


@dataclass(frozen=True)
class Input:
    """A row's input that waits: when its oldest and its newest frame arrived. `oldest` is none when nothing waits."""

    oldest: float | None
    newest: float | None


@dataclass(frozen=True)
class Step:
    """Tick now with these rows."""

    rows: list[int]


@dataclass(frozen=True)
class Prepare:
    """Read so many positions of this row's prefix now."""

    row: int
    positions: int


@dataclass(frozen=True)
class Wait:
    """Nothing to do until then, or until a frame arrives."""

    until: float | None


class Ticking:
    def __init__(self) -> None:
        self.times = TickTimes()
        self.chunks = ChunkSize()
        self._stepped: dict[int, float] = {}
        self._prepared: float | None = None

    def joined(self, row: int) -> None:
        self._stepped.pop(row, None)

    def stepped(self, rows: list[int], began: float, ended: float) -> None:
        for row in rows:
            self._stepped[row] = began
        self.times.add(ended - began)

    def prepared(self, positions: int, began: float, ended: float) -> None:
        """So many positions of a prefix were read."""
        self._prepared = ended
        self.chunks.took(positions, ended - began, self.times.typical)

    def plan(self, now: float, inputs: Mapping[int, Input], preparing: Sequence[int] = ()) -> Step | Prepare | Wait:
        """What to do now, given the input of every row in use, and the rows that prepare, who came first first."""
        planned = self._plan(now, inputs)
        if not preparing:
            self._prepared = None
        if isinstance(planned, Step) or not preparing:
            return planned
        if self._prepared is None:
            self._prepared = now
        latest = self._prepared + PATIENCE
        ends = now + self.chunks.slow
        times = [input_.newest + PERIOD for input_ in inputs.values() if input_.oldest is None and input_.newest]
        times += [] if planned.until is None else [planned.until]
        # Who is long overdue has gone silent, and is not waited for.
        coming = [time for time in times if time > now - PERIOD]
        if now >= latest or not any(time < ends for time in coming):
            return Prepare(preparing[0], self.chunks.positions if coming else CHUNK)
        return Wait(min(latest, planned.until or latest))

    def _plan(self, now: float, inputs: Mapping[int, Input]) -> Step | Wait:
        waiting = {row: input_.oldest for row, input_ in inputs.items() if input_.oldest is not None}
        entitled = {row: max(oldest, self._may(row)) for row, oldest in waiting.items()}
        due = min(entitled.values(), default=None)
        if due is None or due > now:
            return Wait(due)
        until = due + self.times.hold
        if now < until and any(self._soon(input_, now, until) for input_ in inputs.values()):
            return Wait(until)
        return Step(list(waiting))

    def _may(self, row: int) -> float:
        return self._stepped[row] + CATCH_UP if row in self._stepped else 0.0

    def _soon(self, input_: Input, now: float, until: float) -> bool:
        """Whether a row that has nothing yet will have a frame by then. One that is long overdue is not waited for."""
        if input_.oldest is not None or input_.newest is None:
            return False
        expected = input_.newest + PERIOD
        return now - self.times.hold <= expected <= until
