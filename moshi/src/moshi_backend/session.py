"""One conversation as the engine and the event loop see it: two bounded queues and some counts.

The event loop calls `push`; the engine's thread calls `take`. What the model says comes back on the event loop,
where the transport awaits `outbox`.
"""

import asyncio
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moshi_backend.model import Frame
from moshi_backend.protocol import Close

BACKLOG_FRAMES = 25
"""Input that may wait for the engine, 2 s. Beyond it the oldest goes: a conversation wants what was said last."""

OUTBOX_FRAMES = 100
"""Output that may wait for a slow reader, 8 s. Beyond it the reader is let go."""


@dataclass(frozen=True)
class End:
    """Why the service ends a conversation."""

    code: Close
    reason: str


@dataclass
class Stats:
    """Seconds, and counts since the conversation began. `lag` is of the last frame, from input queue to outbox."""

    tick: float = 0.0
    lag: float = 0.0
    dropped: int = 0


@dataclass(eq=False)
class Session:
    slot: int
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    stats: Stats = field(default_factory=Stats)
    outbox: asyncio.Queue[Frame | End] = field(default_factory=lambda: asyncio.Queue(OUTBOX_FRAMES + 1))
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the service has decided to end the conversation; the reason is the outbox's last item."""
    joined: bool = False
    """Whether the engine has prepared the row. The engine's thread alone touches it."""
    _frames: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def backlog(self) -> int:
        return len(self._frames)

    def push(self, samples: NDArray[np.float32]) -> None:
        """Queue one frame of input, float32 [frame_size]; drops the oldest when the backlog is full."""
        with self._lock:
            if len(self._frames) >= BACKLOG_FRAMES:
                self._frames.popleft()
                self.stats.dropped += 1
            self._frames.append((time.monotonic(), samples))

    def take(self) -> tuple[float, NDArray[np.float32]] | None:
        """The oldest frame and when it was queued, on the monotonic clock; nothing when there is none."""
        with self._lock:
            return self._frames.popleft() if self._frames else None

    def deliver(self, frame: Frame) -> None:
        if self.outbox.qsize() >= OUTBOX_FRAMES:
            self.end(End(Close.TOO_SLOW, f"{OUTBOX_FRAMES} frames of audio were left unread"))
        elif not self.ended.is_set():
            self.outbox.put_nowait(frame)

    def end(self, end: End) -> None:
        """Close once the client has what is queued. Only the first end counts."""
        if not self.ended.is_set():
            self.ended.set()
            self.outbox.put_nowait(end)
