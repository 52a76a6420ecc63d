"""A request: all that the engine needs to run a conversation in one slot, and the way back for its results."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from moshi_backend.engine.scheduler import PERIOD, Input
from moshi_backend.model.batch import Frame
from moshi_backend.model.prompt import Prompt
from moshi_backend.model.sampling import SamplingParams

BACKLOG_FRAMES = 25
"""Frames of input that may wait for the engine, 2 s. A full queue drops its oldest frame: the newest speech matters."""


@dataclass(frozen=True)
class PrefillProgress:
    """How far the model has read a request's prompt.

    Attributes:
        done: positions that it has read.
        total: positions of the prompt.
        left: estimated seconds until the end; None while nothing is known.
        cached: whether the voice came from the cache instead of being read.
    """

    done: int
    total: int
    left: float | None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one frame of input.

    Attributes:
        frame: the model's output; None while its delays hold nothing for this slot yet.
        lag: seconds from the input queue to this result.
        step: seconds that the step took.
        batch_size: slots that the step answered.
    """

    frame: Frame | None
    lag: float
    step: float
    batch_size: int

    @property
    def late(self) -> bool:
        """Whether the answer took longer than a frame lasts."""
        return self.lag > PERIOD


class Stage(Enum):
    """Where the engine stands with a request that holds a slot."""

    NEW = auto()
    """The model's slot still has the state of the conversation before."""
    PREFILL = auto()
    DECODE = auto()


@dataclass(eq=False)
class Request:
    """The engine calls `on_prefill` and `on_answer` on the event loop, and may still do so after the slot's release.

    The engine guards the input queue with its lock. Its thread alone uses `stage`.

    Attributes:
        prompt: what the model reads before the first frame; None for nothing.
        assigned: when the request got its slot, in seconds of `time.monotonic`; 0 before that.
    """

    sampling: SamplingParams
    prompt: Prompt | None
    on_prefill: Callable[[PrefillProgress], None]
    on_answer: Callable[[Answer], None]
    assigned: float = 0.0
    stage: Stage = Stage.NEW
    _frames: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)
    _newest: float | None = None

    @property
    def needs_prefill(self) -> bool:
        """Whether a part of the prompt is still to be read."""
        return self.prompt is not None and self.stage is not Stage.DECODE

    @property
    def backlog(self) -> int:
        """Frames that wait for the engine."""
        return len(self._frames)

    @property
    def input(self) -> Input:
        """The arrival times of the input, for the scheduler."""
        return Input(self._frames[0][0] if self._frames else None, self._newest)

    def push(self, samples: NDArray[np.float32], now: float) -> int:
        """Queue one frame, float32 [frame_size]. Returns how many old frames a full queue dropped for it, 0 or 1."""
        dropped = len(self._frames) >= BACKLOG_FRAMES
        if dropped:
            self._frames.popleft()
        self._frames.append((now, samples))
        self._newest = now
        return int(dropped)

    def take(self) -> tuple[float, NDArray[np.float32]]:
        """Remove the oldest frame. Returns its arrival time and its samples."""
        return self._frames.popleft()

    def clear(self) -> None:
        """Drop all frames that wait."""
        self._frames.clear()
