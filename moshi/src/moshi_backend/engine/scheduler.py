"""Decides when the batch steps, for which slots, and when a prompt is read in between.

A step costs about the same for one slot as for all, so slots that are due at nearly the same time should share a step.
The scheduler decides late. When the first frame arrives and another slot's frame is due soon, it waits for that frame,
but never longer than a step takes. A frame that arrives just after a step has begun waits that long anyway. So waiting
makes no frame later than two steps, which is also the limit without waiting, and it saves up to half of the steps. When
two steps do not fit into a frame's time, there is no time to wait, and the batch steps as soon as it can.

One client delays another client's frame by one step at most: a step takes one frame of each slot, and a slot that is
ahead of real time triggers no step.

A slot in prefill reads its prompt in chunks. A chunk has as many positions as take about as long as a step. It runs
when no frame is expected before its end, so nobody waits for it. If there is never such a moment, a chunk runs every
PATIENCE seconds all the same. While nobody talks, chunks are as long as possible.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PERIOD = 0.08
"""Seconds between the frames of a conversation, and so the time in which a frame should be answered."""

CATCH_UP = PERIOD / 2
"""Least seconds between steps that one slot triggers: after a stall it catches up at twice real time."""

PATIENCE = 0.25
"""Seconds after which a slot in prefill gets a chunk although a frame may have to wait for it."""

CHUNK = 32
"""Positions in one chunk, at most."""

LEAST_CHUNK = 4
"""Positions in one chunk, at least."""


class StepTimes:
    """How long steps take, from the last WINDOW steps."""

    WINDOW = 64

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=self.WINDOW)
        self.typical = 0.0
        """The median, in seconds."""
        self.slow = 0.0
        """The time that one step in twenty exceeds, in seconds."""

    def add(self, seconds: float) -> None:
        """Add one measured step."""
        self._last.append(seconds)
        ordered = sorted(self._last)
        self.typical = ordered[len(ordered) // 2]
        self.slow = ordered[len(ordered) * 19 // 20]

    @property
    def hold(self) -> float:
        """Seconds that a frame may wait for others: as long as a step, if its time then still allows a slow step."""
        return min(self.typical, max(0.0, PERIOD - self.typical - self.slow))


class ChunkSize:
    """How many positions a chunk may have so that it takes about as long as a step, found by trying.

    On a GPU many positions cost little more than one; on a CPU each position costs the same.
    """

    def __init__(self) -> None:
        self.positions = CHUNK
        self._times = StepTimes()

    @property
    def slow(self) -> float:
        """Seconds that one chunk in twenty of this size exceeds, as far as is known."""
        return self._times.slow

    def took(self, positions: int, seconds: float, step: float) -> None:
        """Learn from a chunk of `positions` that took `seconds`. `step`: the seconds that a chunk should take."""
        if positions != self.positions:
            return  # the chunk ended with the prompt or its voice, or nobody talked
        self._times.add(seconds)
        if seconds > 1.5 * step:
            self._change(max(LEAST_CHUNK, self.positions // 2), seconds / 2)
        elif seconds < step / 2:
            self._change(min(CHUNK, self.positions * 2), seconds * 2)

    def _change(self, positions: int, expected: float) -> None:
        if positions != self.positions:
            self.positions = positions
            self._times = StepTimes()
            self._times.add(expected)


@dataclass(frozen=True)
class Input:
    """The arrival times of a slot's waiting input, in seconds: of its oldest frame, None if no frame waits; and of the
    newest frame that ever arrived, None before the first."""

    oldest: float | None
    newest: float | None


@dataclass(frozen=True)
class Decode:
    """Step now with these slots."""

    slots: list[int]


@dataclass(frozen=True)
class Prefill:
    """Read up to so many positions of this slot's prompt now."""

    slot: int
    positions: int


@dataclass(frozen=True)
class Idle:
    """There is nothing to do until this time, or until a frame arrives. None: only until a frame arrives."""

    until: float | None


type Action = Decode | Prefill | Idle


class Scheduler:
    """The policy, without a clock of its own: callers pass the time, in seconds of any monotonic clock."""

    def __init__(self) -> None:
        self.times = StepTimes()
        self.chunks = ChunkSize()
        self._stepped: dict[int, float] = {}
        self._prefilled: float | None = None

    def assigned(self, slot: int) -> None:
        """The slot has a new conversation."""
        self._stepped.pop(slot, None)

    def decoded(self, slots: Sequence[int], began: float, ended: float) -> None:
        """A step with these slots has run."""
        for slot in slots:
            self._stepped[slot] = began
        self.times.add(ended - began)

    def prefilled(self, positions: int, began: float, ended: float) -> None:
        """A chunk of so many positions of a prompt has been read."""
        self._prefilled = ended
        self.chunks.took(positions, ended - began, self.times.typical)

    def schedule(self, now: float, inputs: Mapping[int, Input], prefilling: Sequence[int] = ()) -> Action:
        """The action to take now.

        Args:
            inputs: the input of every slot in use.
            prefilling: the slots that are still in prefill, oldest first.
        """
        action = self._decode_or_idle(now, inputs)
        if not prefilling:
            self._prefilled = None
        if isinstance(action, Decode) or not prefilling:
            return action
        if self._prefilled is None:
            self._prefilled = now
        latest = self._prefilled + PATIENCE
        ends = now + self.chunks.slow
        times = [input_.newest + PERIOD for input_ in inputs.values() if input_.oldest is None and input_.newest]
        times += [] if action.until is None else [action.until]
        # A slot whose frame is long overdue has gone silent. Nothing waits for it.
        coming = [time for time in times if time > now - PERIOD]
        if now >= latest or not any(time < ends for time in coming):
            return Prefill(prefilling[0], self.chunks.positions if coming else CHUNK)
        return Idle(min(latest, action.until or latest))

    def _decode_or_idle(self, now: float, inputs: Mapping[int, Input]) -> Decode | Idle:
        waiting = {slot: input_.oldest for slot, input_ in inputs.items() if input_.oldest is not None}
        entitled = {slot: max(oldest, self._earliest(slot)) for slot, oldest in waiting.items()}
        due = min(entitled.values(), default=None)
        if due is None or due > now:
            return Idle(due)
        until = due + self.times.hold
        if now < until and any(self._soon(input_, now, until) for input_ in inputs.values()):
            return Idle(until)
        return Decode(list(waiting))

    def _earliest(self, slot: int) -> float:
        """The time from which the slot may trigger a step."""
        return self._stepped[slot] + CATCH_UP if slot in self._stepped else 0.0

    def _soon(self, input_: Input, now: float, until: float) -> bool:
        """Whether a slot without a frame will have one by `until`. A slot that is long overdue does not count."""
        if input_.oldest is not None or input_.newest is None:
            return False
        expected = input_.newest + PERIOD
        return now - self.times.hold <= expected <= until
