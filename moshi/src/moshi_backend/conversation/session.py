"""One conversation as the engine and the event loop see it: two bounded queues and some counts.

Input goes to the engine, which guards it with its own lock. What the client is to be told comes on the event loop,
where the transport awaits `outbox`.
"""

import asyncio
import secrets
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.engine.scheduler import Input
from moshi_backend.model.batch import Frame
from moshi_backend.model.prompt import Prefix
from moshi_backend.model.sampling import Sampling
from moshi_backend.personas.catalogue import NOBODY, Persona
from moshi_backend.telemetry import metrics
from moshi_service.protocol.wire import Close

BACKLOG_FRAMES = 25
"""Input that may wait for the engine, 2 s. Beyond it the oldest goes: a conversation wants what was said last."""

OUTBOX_ITEMS = 100
"""What may wait for a slow reader, 8 s of frames. Beyond it the reader is let go."""


@dataclass(frozen=True)
class Admitted:
    """The conversation begins."""


@dataclass(frozen=True)
class Preparing:
    """The model reads the conversation's prefix. `left`: seconds, an estimate; none while nothing is known."""

    done: int
    total: int
    left: float | None


@dataclass(frozen=True)
class End:
    """Why the service ends a conversation. `retry_after`: seconds after which the client may try again, where known."""

    code: Close
    reason: str
    retry_after: int | None = None


type Item = Place | Preparing | Admitted | Frame | Notice | End


@dataclass
class Stats:
    """Seconds, and counts since the conversation began. `lag` is of the last frame, from input queue to outbox; `rows`
    is how many conversations its tick answered."""

    tick: float = 0.0
    lag: float = 0.0
    rows: int = 0
    longest_lag: float = 0.0
    deficit: int = 0
    dropped: int = 0


@dataclass(eq=False)
class Session:
    sampling: Sampling
    persona: Persona = NOBODY
    prefix: Prefix | None = None
    """What the model reads before the conversation."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    stats: Stats = field(default_factory=Stats)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the service has decided to end the conversation; the reason is the outbox's last item."""
    outbox: asyncio.Queue[Item] = field(default_factory=lambda: asyncio.Queue(OUTBOX_ITEMS + 1))
    end_code: Close | None = None
    """Why the service ended the conversation; none if the client did."""
    entered: float = field(default_factory=time.monotonic)
    """When it came."""
    seated: float | None = None
    """When it got its row."""
    recalled: bool = False
    """Whether the prefix's voice was remembered."""
    joined: bool = False
    """Whether the engine has prepared the row. The engine's thread alone touches it."""
    prepared: bool = False
    """Whether the prefix is read, if there is one. The engine's thread alone touches it."""
    _frames: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)
    _newest: float | None = None

    @property
    def backlog(self) -> int:
        return len(self._frames)

    @property
    def input(self) -> Input:
        return Input(self._frames[0][0] if self._frames else None, self._newest)

    def push(self, samples: NDArray[np.float32], now: float) -> None:
        """Queue one frame of input, float32 [frame_size]; drops the oldest when the backlog is full."""
        if len(self._frames) >= BACKLOG_FRAMES:
            self._frames.popleft()
            self.drop(1)
        self._frames.append((now, samples))
        self._newest = now

    def drop(self, frames: int) -> None:
        """Count input that there was no room for."""
        self.stats.dropped += frames
        metrics.DROPPED.add(frames, {"reason": "backlog"})

    def take(self) -> tuple[float, NDArray[np.float32]]:
        """The oldest frame and when it was queued."""
        return self._frames.popleft()

    def admit(self) -> None:
        self.admitted.set()
        self.tell(Admitted())

    def tell(self, item: Item) -> None:
        if self.outbox.qsize() >= OUTBOX_ITEMS:
            self.end(End(Close.TOO_SLOW, f"{OUTBOX_ITEMS} frames of audio were left unread"))
        elif not self.ended.is_set():
            self.outbox.put_nowait(item)

    def end(self, end: End) -> None:
        """Close once the client has what is queued. Only the first end counts."""
        if not self.ended.is_set():
            self.ended.set()
            self.end_code = end.code
            self.outbox.put_nowait(end)
