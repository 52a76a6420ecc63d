"""The engine: one thread that owns the model and serves the requests in its slots.

`assign`, `release` and `push` are called on the event loop and never wait for a step.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from moshi_backend.engine.observer import EngineObserver, Report
from moshi_backend.engine.request import Answer, PrefillProgress, Request, Stage
from moshi_backend.engine.scheduler import PERIOD, Decode, Idle, Prefill, Scheduler
from moshi_backend.engine.warm_up import measure_prefill, measure_steps
from moshi_backend.errors import LoadError, brief, one_line
from moshi_backend.errors import memory as errors
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.prefill import Prefill as PrefillState
from moshi_backend.model.prompt import Prompt
from moshi_backend.wording import counted
from moshi_service.errors import Problem
from moshi_service.health import Health

log = logging.getLogger(__name__)

STALLED = 10.0
"""Seconds after which a step counts as hung."""

TELL_SECONDS = 10.0
"""Seconds between log lines about progress."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to step.

    Attributes:
        fixed_slots: whether the number of slots was asked for, so that the engine must not lower it.
        warm_up_prompt: a prompt like those of most conversations; None if they have none.
    """

    model: BatchedModel
    fixed_slots: bool
    warm_up_prompt: Prompt | None


type Batch = list[tuple[int, Request, float, NDArray[np.float32]]]
"""The input of one step: slot, its request, the arrival time of the frame, and the frame."""


class Engine[L: Loaded]:
    """
    Args:
        load: makes the model. The engine's thread calls it, and it may take minutes.
        observer: learns of start-up and steps.
    """

    def __init__(self, load: Callable[[Report], L], observer: EngineObserver) -> None:
        self.slots = 0
        """Conversations at the same time; 0 until the model is ready."""
        self.health = Health("starting", "resolve", None, "starting")
        self.on_failure: Callable[[Problem], None] = lambda problem: None
        """Called on the event loop when every conversation is lost."""
        self._load = load
        self._loaded: L | None = None
        self._observer = observer
        self._scheduler = Scheduler()
        self._requests: dict[int, Request] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._began: float | None = None
        self._told = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def loaded(self) -> L | None:
        """The result of loading; None until then."""
        return self._loaded

    def start(self) -> None:
        """Begin loading. Call this on the event loop that conversations run on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def assign(self, request: Request, slot: int) -> None:
        """Give a free slot to the request."""
        with self._wake:
            request.assigned = time.monotonic()
            self._requests[slot] = request
            self._wake.notify()

    def release(self, request: Request) -> None:
        """Free the request's slot at once, also in the middle of a step. A request without a slot is ignored."""
        with self._wake:
            for slot, holder in self._requests.items():
                if holder is request:
                    del self._requests[slot]
                    break

    def push(self, request: Request, samples: NDArray[np.float32]) -> int:
        """Queue one frame of input, float32 [frame_size]. Returns how many old frames it displaced, 0 or 1."""
        with self._wake:
            dropped = request.push(samples, time.monotonic())
            self._wake.notify()
        return dropped

    def clear(self, request: Request) -> None:
        """Drop the input that the model has not heard yet."""
        with self._wake:
            request.clear()

    async def supervise(self) -> None:
        """Notice a step that hangs, which the engine's thread cannot. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(1.0)
            began = self._began
            if began is not None and time.monotonic() - began > STALLED and self.health.status != "failed":
                self._fail(errors.step_hangs(STALLED))

    async def stop(self) -> None:
        """End the thread after its current step. Loading cannot be interrupted: a daemon thread is then left behind."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._loaded is not None and self._began is None:
            await asyncio.to_thread(self._thread.join, STALLED)

    def _fail(self, problem: Problem) -> None:
        """Lose every conversation. Either thread may call this."""
        problem = replace(problem, text=one_line(problem.text))
        self.health = Health("failed", self.health.phase, None, problem.text, problem.code)
        with self._wake:
            self._requests.clear()
        self._on_loop(partial(self.on_failure, problem))

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _deliver(self, seconds: float, results: list[tuple[Request, Answer]]) -> None:
        """Runs on the event loop."""
        self._observer.stepped(seconds, [answer for _, answer in results])
        for request, answer in results:
            request.on_answer(answer)

    # The engine's thread runs everything below.

    def _run(self) -> None:
        try:
            loaded = self._loaded = self._load(self._report)
            self._warm_up(loaded)
        except LoadError as error:
            log.error(error.problem)
            self._fail(error.problem)
            self._observer.started(self.health.detail)
            return
        except BaseException as error:  # also SystemExit, which would silently end only this thread
            problem = errors.phase_failed(self.health.phase, brief(error))
            log.error(problem)
            log.debug("the details", exc_info=True)
            self._fail(problem)
            self._observer.started(self.health.detail)
            return
        while not self._stopping:
            try:
                self._serve(loaded.model)
            except BaseException as error:
                problem = errors.step_failed(brief(error))
                log.exception(problem)
                self._fail(problem)
                if not self._recovers(loaded):
                    return

    def _report(self, phase: str, detail: str, progress: float | None) -> None:
        # A phase begins on the engine's thread. Its progress comes often, and from other threads.
        is_news = progress is None or phase != self.health.phase
        if is_news:
            self._observer.phase(phase, detail)
        if is_news or time.monotonic() > self._told + TELL_SECONDS:
            self._told = time.monotonic()
            log.info("%s: %s", phase, detail)
        if not self._stopping:
            self.health = Health("starting", phase, progress, detail)

    def _warm_up(self, loaded: Loaded) -> None:
        self._report("warm-up", "first steps", None)
        measured = measure_steps(loaded.model, loaded.fixed_slots, self._scheduler.times)
        if self._stopping:
            return
        if loaded.warm_up_prompt is not None:
            measure_prefill(loaded.model, loaded.warm_up_prompt, self._scheduler)
        self.slots = measured.slots
        device = loaded.model.device
        pace = f"a step takes {measured.step * 1000:.0f} ms"
        if not measured.affordable:
            pace += f" of the {PERIOD * 1000:.0f} ms that it has: too slow for real time"
            log.warning(errors.steps_too_slow(pace, self.slots, device))
        self.health = Health("ready", "ready", 1.0, f"{counted(self.slots, 'slot')} on {device}, {pace}")
        log.info("ready: %s", self.health.detail)
        self._observer.started(None)

    def _recovers(self, loaded: Loaded) -> bool:
        """Whether the model steps again. It never does after a CUDA error: then the process must be restarted."""
        try:
            self._warm_up(loaded)
        except BaseException as error:
            problem = errors.engine_lost(brief(error))
            log.exception(problem)
            self._fail(problem)
            self._observer.started(self.health.detail)
            return False
        return True

    def _serve(self, model: BatchedModel) -> None:
        while (work := self._next()) is not None:
            if isinstance(work, tuple):
                self._prefill(model, *work)
            else:
                self._step(model, work)

    def _next(self) -> Batch | tuple[int, Request, int] | None:
        """Wait until there is work: the input of a step, or a slot, its request and the positions to prefill. None
        when the engine stops."""
        with self._wake:
            while not self._stopping:
                now = time.monotonic()
                inputs = {slot: request.input for slot, request in self._requests.items()}
                prefilling = [slot for slot, request in self._requests.items() if request.needs_prefill]
                match self._scheduler.schedule(now, inputs, prefilling):
                    case Prefill(slot, positions):
                        return slot, self._requests[slot], positions
                    case Decode(slots):
                        return [(slot, self._requests[slot], *self._requests[slot].take()) for slot in slots]
                    case Idle(until):
                        self._wake.wait(None if until is None else max(0.0, until - now))
            return None

    def _step(self, model: BatchedModel, batch: Batch) -> None:
        def run() -> dict[int, Frame]:
            for slot, request, _, _ in batch:
                self._enter(model, slot, request)
            return model.step({slot: samples for slot, _, _, samples in batch})

        frames, began, ended = self._timed(run)
        self._scheduler.decoded([slot for slot, *_ in batch], began, ended)
        seconds = ended - began
        results = [
            (request, Answer(frames.get(slot), ended - arrived, seconds, len(batch)))
            for slot, request, arrived, _ in batch
        ]
        self._on_loop(partial(self._deliver, seconds, results))

    def _prefill(self, model: BatchedModel, slot: int, request: Request, positions: int) -> None:
        """Read one chunk of the request's prompt."""

        def run() -> PrefillState:
            self._enter(model, slot, request)
            return model.prefill(slot, positions)

        state, began, ended = self._timed(run)
        if state.done == state.total:
            request.stage = Stage.DECODE
        self._scheduler.prefilled(state.last, began, ended)
        pace = (ended - request.assigned) / max(1, state.done)
        left = pace * (state.total - state.done)
        self._on_loop(partial(request.on_prefill, PrefillProgress(state.done, state.total, left, state.cached)))

    def _enter(self, model: BatchedModel, slot: int, request: Request) -> None:
        """Clear the model's slot for a new request."""
        if request.stage is Stage.NEW:
            model.join(slot, request.sampling, request.prompt)
            self._scheduler.assigned(slot)
            request.stage = Stage.DECODE if request.prompt is None else Stage.PREFILL

    def _timed[R](self, run: Callable[[], R]) -> tuple[R, float, float]:
        """Run a step or a chunk where `supervise` sees whether it hangs. Returns its result, its begin and its end.

        Raises:
            TimeoutError: it came back, but too late.
        """
        self._began = began = time.monotonic()
        try:
            result = run()
        finally:
            self._began = None
        ended = time.monotonic()
        if ended - began > STALLED:
            raise TimeoutError(f"it took {ended - began:.0f} s")
        return result, began, ended
