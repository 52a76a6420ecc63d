"""The engine: one thread that alone owns the model, and the conversations in its rows.

`seat`, `unseat` and `push` are called on the event loop and never wait for a tick.
"""

import asyncio
import logging
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from moshi_backend.conversation.session import Preparing, Session
from moshi_backend.engine.delivery import Answer, deliver, tell_progress
from moshi_backend.engine.scheduler import PERIOD, Prepare, Step, Ticking, Wait
from moshi_backend.errors import LoadError, brief, one_line
from moshi_backend.model.batch import BatchedModel
from moshi_backend.personas.catalogue import Catalogue, Persona
from moshi_backend.telemetry.startup import StartupTrace
from moshi_backend.wording import counted
from moshi_service.health import Health

log = logging.getLogger(__name__)

STALLED = 10.0
"""Seconds after which a tick counts as hung."""

TELL_SECONDS = 10.0
"""Between log lines about progress."""

AFFORDABLE = 0.85 * PERIOD
"""Seconds a tick of every slot may take. The rest is for the machine's other work and for ticks that take longer."""


@dataclass(frozen=True)
class Loaded:
    """What loading found out.

    Attributes:
        revision: the commit of a model from a hub.
        chosen: the slots were asked for, and are not to be lowered.
        catalogue: what clients may choose of voices and roles.
    """

    model: BatchedModel
    device: str
    dtype: str
    revision: str | None
    chosen: bool
    catalogue: Catalogue


type Report = Callable[[str, str, float | None], None]
"""Told of each phase of start-up, what it does, and how much of it is done (0..1) where that is known."""

type Work = list[tuple[int, Session, float, NDArray[np.float32]]]
"""Row, its session, when the frame was queued, and the frame."""


class Engine:
    def __init__(self, load: Callable[[Report], Loaded]) -> None:
        self.slots = 0
        """Conversations at the same time; 0 until the model is ready."""
        self.loaded: Loaded | None = None
        self.health = Health("starting", "resolve", None, "starting")
        self.on_failure: Callable[[str], None] = lambda reason: None
        """Called on the event loop when every conversation is lost, with the reason."""
        self._load = load
        self._ticking = Ticking()
        self._startup = StartupTrace()
        self._sessions: dict[int, Session] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._tick_began: float | None = None
        self._told = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin loading. Call on the event loop that conversations run on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def seat(self, session: Session, row: int) -> None:
        with self._wake:
            self._sessions[row] = session
            self._wake.notify()

    def unseat(self, session: Session) -> None:
        """Free the session's row at once, also in the middle of a tick."""
        with self._wake:
            for row, seated in self._sessions.items():
                if seated is session:
                    del self._sessions[row]
                    break

    def push(self, session: Session, samples: NDArray[np.float32]) -> None:
        with self._wake:
            session.push(samples, time.monotonic())
            self._wake.notify()

    async def supervise(self) -> None:
        """Notice a tick that hangs, which its own thread cannot. Runs until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            began = self._tick_began
            if began is not None and time.monotonic() - began > STALLED and self.health.status != "failed":
                self._fail(f"a tick has not returned for {STALLED:.0f} s")

    async def stop(self) -> None:
        """End the thread, after the tick it is in. Loading cannot be interrupted: then the daemon thread is left."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self.loaded is not None and self._tick_began is None:
            await asyncio.to_thread(self._thread.join, STALLED)

    def _fail(self, reason: str) -> None:
        """From either thread."""
        reason = one_line(reason)
        self.health = Health("failed", self.health.phase, None, reason)
        with self._wake:
            self._sessions.clear()
        self._on_loop(partial(self.on_failure, reason))

    # From here on: the engine's thread.

    def _run(self) -> None:
        try:
            self.loaded = self._load(self._report)
            self._warm_up(self.loaded)
        except LoadError as error:
            log.error("%s", error)
            self._fail(str(error))
            self._startup.end(self.health.detail)
            return
        except BaseException as error:  # SystemExit too: it would end only this thread, without a word
            log.error("the engine failed in phase %s: %s", self.health.phase, brief(error))
            log.debug("the details", exc_info=True)
            self._fail(
                f"the model failed in phase {self.health.phase} ({brief(error)}): MOSHI_LOG_LEVEL=debug says where"
            )
            self._startup.end(self.health.detail)
            return
        while not self._stopping:
            try:
                self._serve(self.loaded.model)
            except BaseException as error:
                log.exception("a tick failed")
                self._fail(f"a tick failed: {brief(error)}")
                if not self._recovers(self.loaded):
                    return

    def _report(self, phase: str, detail: str, progress: float | None) -> None:
        # A phase begins on the engine's thread; progress in it comes from another one, and often.
        is_news = progress is None or phase != self.health.phase
        if is_news:
            self._startup.enter(phase, detail)
        if is_news or time.monotonic() > self._told + TELL_SECONDS:
            self._told = time.monotonic()
            log.info("%s: %s", phase, detail)
        if not self._stopping:
            self.health = Health("starting", phase, progress, detail)

    def _warm_up(self, loaded: Loaded) -> None:
        """Tick with every row, and lower the slots until a tick is affordable, unless they were asked for."""
        self._report("warm-up", "first ticks", None)
        model = loaded.model
        self.slots = model.slots
        tick = self._measured(model, self.slots)
        smaller = model.batch_sizes[:-1]
        if tick > AFFORDABLE and smaller and not loaded.chosen:
            affordable = bisect_right(smaller, AFFORDABLE, key=partial(self._measured, model))
            self.slots = smaller[max(0, affordable - 1)]
            tick = self._measured(model, self.slots)
        if self._stopping:
            return
        self._warm_prefill(loaded)
        pace = f"a tick takes {tick * 1000:.0f} ms"
        if tick > AFFORDABLE:
            pace += f" of the {PERIOD * 1000:.0f} ms that it has: too slow for real time"
            log.warning("%s with %d slots on %s", pace, self.slots, loaded.device)
        self.health = Health("ready", "ready", 1.0, f"{counted(self.slots, 'slot')} on {loaded.device}, {pace}")
        log.info("ready: %s", self.health.detail)
        self._startup.end()

    def _measured(self, model: BatchedModel, rows: int) -> float:
        """Seconds that a tick of so many rows takes once it is warm."""
        for row in range(rows):
            model.join(row, model.sampling)
        frames = dict.fromkeys(range(rows), np.zeros(model.frame_size, dtype=np.float32))
        fastest = STALLED
        for _ in range(6):
            began = time.monotonic()
            model.step(frames)
            ended = time.monotonic()
            self._ticking.times.add(ended - began)
            fastest = min(fastest, ended - began)
            if ended - began > 1.0:
                break
        return fastest

    def _warm_prefill(self, loaded: Loaded) -> None:
        """Read a voice, that which most conversations will want, to know how long a chunk takes."""
        catalogue, model = loaded.catalogue, loaded.model
        prefix = catalogue.prefix(Persona(catalogue.default or next(iter(catalogue.voices), None)))
        for _ in range(2 if prefix else 0):  # the first time, libraries choose their kernels
            model.join(0, model.sampling, prefix)
            over = False
            while not over:
                began = time.monotonic()
                prefill = model.prefill(0, self._ticking.chunks.positions)
                self._ticking.prepared(prefill.last, began, time.monotonic())
                over = prefill.done == prefill.total

    def _recovers(self, loaded: Loaded) -> bool:
        """Whether the model ticks again. A CUDA error never lets it; then the process has to be started anew."""
        try:
            self._warm_up(loaded)
        except BaseException as error:
            log.exception("the engine did not recover")
            self._fail(f"a tick failed, and so did the next: {brief(error)}")
            self._startup.end(self.health.detail)
            return False
        return True

    def _serve(self, model: BatchedModel) -> None:
        while work := self._next():
            self._tick_began = began = time.monotonic()
            if isinstance(work, tuple):
                self._prepare(model, *work)
                continue
            for row, session, _, _ in work:
                self._join(model, row, session)
            said = model.step({row: samples for row, _, _, samples in work})
            now = time.monotonic()
            self._tick_began = None
            if now - began > STALLED:
                raise TimeoutError(f"it took {now - began:.0f} s")
            self._ticking.stepped([row for row, *_ in work], began, now)
            answers = [Answer(session, said.get(row), now - queued) for row, session, queued, _ in work]
            self._on_loop(partial(deliver, answers, now - began))

    def _join(self, model: BatchedModel, row: int, session: Session) -> None:
        if not session.joined:
            model.join(row, session.sampling, session.prefix)
            self._ticking.joined(row)
            session.joined = True

    def _prepare(self, model: BatchedModel, row: int, session: Session, positions: int) -> None:
        """A chunk of the session's prefix; it is admitted after the last one."""
        began = time.monotonic()
        self._join(model, row, session)
        prefill = model.prefill(row, positions)
        session.prepared = prefill.done == prefill.total
        session.recalled = prefill.recalled
        now = time.monotonic()
        self._tick_began = None
        if now - began > STALLED:
            raise TimeoutError(f"it took {now - began:.0f} s")
        self._ticking.prepared(prefill.last, began, now)
        pace = (now - (session.seated or began)) / max(1, prefill.done)
        progress = Preparing(prefill.done, prefill.total, pace * (prefill.total - prefill.done))
        self._on_loop(partial(tell_progress, session, progress))

    def _next(self) -> Work | tuple[int, Session, int] | None:
        """Wait until there is something to do: what to tick with, or which row is to prepare. None when it is time to
        stop."""
        with self._wake:
            while not self._stopping:
                now = time.monotonic()
                inputs = {row: session.input for row, session in self._sessions.items()}
                preparing = [row for row, it in self._sessions.items() if it.prefix is not None and not it.prepared]
                match self._ticking.plan(now, inputs, preparing):
                    case Prepare(row, positions):
                        return row, self._sessions[row], positions
                    case Step(rows):
                        return [(row, self._sessions[row], *self._sessions[row].take()) for row in rows]
                    case Wait(until):
                        self._wake.wait(None if until is None else max(0.0, until - now))
            return None

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)
