"""The engine: one thread that alone owns the model, and the conversations in its rows.

`open`, `close`, `push` and `end_all` are called on the event loop and never wait for a tick.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moshi_backend.model import BatchedModel, Frame
from moshi_backend.protocol import Close
from moshi_backend.session import End, Session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """`progress` is 0..1 where it is known. `phase`: resolve, load, warm-up, ready, and what failed or drains."""

    status: Literal["starting", "ready", "draining", "failed"]
    phase: str
    progress: float | None
    detail: str


@dataclass(frozen=True)
class Loaded:
    """What loading found out."""

    model: BatchedModel
    device: str
    dtype: str


type Report = Callable[[str, str], None]
"""Told of each phase of start-up and what it does."""


class Refused(Exception):
    """No conversation can begin now; says why and when to try again."""


class Engine:
    WARM_UP_TICKS = 4

    def __init__(self, load: Callable[[Report], Loaded], slots: int) -> None:
        self.slots = slots
        self.loaded: Loaded | None = None
        self.health = Health("starting", "resolve", None, "starting")
        self._load = load
        self._sessions: dict[int, Session] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin loading. Call on the event loop that conversations run on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def used(self) -> int:
        return len(self._sessions)

    def open(self) -> Session:
        """Give a free row to a new conversation.

        Raises:
            Refused: every row is taken, or the model is not ready.
        """
        if self.health.status != "ready":
            raise Refused(f"{self.health.status}: {self.health.detail}")
        free = next((slot for slot in range(self.slots) if slot not in self._sessions), None)
        if free is None:
            raise Refused(f"full: all {self.slots} slots are in use; try again in a minute")
        session = Session(free)
        with self._wake:
            self._sessions[free] = session
        return session

    def close(self, session: Session) -> None:
        """Free the row at once, also in the middle of a tick."""
        with self._wake:
            if self._sessions.get(session.slot) is session:
                del self._sessions[session.slot]

    def push(self, session: Session, samples: NDArray[np.float32]) -> None:
        session.push(samples)
        with self._wake:
            self._wake.notify()

    def end_all(self, end: End) -> None:
        for session in list(self._sessions.values()):
            session.end(end)

    def drain(self) -> None:
        """Take no new conversation and end the live ones."""
        self.health = Health("draining", "draining", None, "the service is shutting down")
        self.end_all(End(Close.GOING_AWAY, "the service is shutting down"))

    async def idle(self, seconds: float) -> None:
        """Wait until no conversation is left, at most that long."""
        end = time.monotonic() + seconds
        while self._sessions and time.monotonic() < end:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End the thread, after the tick it is in. Loading cannot be interrupted: then the daemon thread is left."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self.loaded is not None:
            await asyncio.to_thread(self._thread.join)

    # From here on: the engine's thread.

    def _run(self) -> None:
        try:
            self.loaded = self._load(self._report)
            self._report("warm-up", "first ticks")
            self._warm_up(self.loaded.model)
            if self._stopping:
                return
            self.health = Health("ready", "ready", 1.0, f"{self.slots} slots on {self.loaded.device}")
            log.info("ready: %s", self.health.detail)
            self._serve(self.loaded.model)
        except Exception as error:
            log.exception("the engine failed in phase %s", self.health.phase)
            self.health = Health("failed", self.health.phase, None, f"{type(error).__name__}: {error}")
            end = End(Close.ENGINE_FAILED, f"the engine failed: {error}")
            self._on_loop(lambda: self.end_all(end))

    def _report(self, phase: str, detail: str) -> None:
        log.info("%s: %s", phase, detail)
        if not self._stopping:
            self.health = Health("starting", phase, None, detail)

    def _warm_up(self, model: BatchedModel) -> None:
        silence = np.zeros(model.frame_size, dtype=np.float32)
        for _ in range(self.WARM_UP_TICKS):
            model.step(dict.fromkeys(range(self.slots), silence))

    def _serve(self, model: BatchedModel) -> None:
        while (work := self._next()) is not None:
            began = time.monotonic()
            for session, _, _ in work:
                if not session.joined:
                    model.join(session.slot)
                    session.joined = True
            said = model.step({session.slot: samples for session, _, samples in work})
            now = time.monotonic()
            for session, queued, _ in work:
                session.stats.tick = now - began
                session.stats.lag = now - queued
            self._on_loop(partial(self._deliver, {session: said.get(session.slot) for session, _, _ in work}))

    def _next(self) -> list[tuple[Session, float, NDArray[np.float32]]] | None:
        """Wait for input and take one frame of each conversation that has some; nothing when it is time to stop."""
        with self._wake:
            while not self._stopping:
                taken = [(session, session.take()) for session in self._sessions.values()]
                if work := [(session, *frame) for session, frame in taken if frame is not None]:
                    return work
                self._wake.wait()
            return None

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    # On the event loop again.

    def _deliver(self, said: dict[Session, Frame | None]) -> None:
        for session, frame in said.items():
            if frame is not None:
                session.deliver(frame)
