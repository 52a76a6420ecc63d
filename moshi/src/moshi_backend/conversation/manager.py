"""The session manager: it assigns slots, lets sessions wait, and ends them. It runs on the event loop alone."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moshi_backend.conversation.admission import Admission, Place
from moshi_backend.conversation.limits import Limits, Notice
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session, State
from moshi_backend.engine.engine import Engine, Loaded
from moshi_backend.engine.request import BACKLOG_FRAMES
from moshi_backend.errors import conversations as errors
from moshi_backend.errors import memory as failures
from moshi_backend.wording import counted
from moshi_service.errors import Problem, ProblemError
from moshi_service.health import Health
from moshi_service.protocol.upgrade import Load
from moshi_service.protocol.wire import CloseCode

log = logging.getLogger(__name__)

LEAVE_SECONDS = 3.0
"""Seconds in which the last clients must take their close frame."""

RETRY_SPREAD = (0.7, 1.3)
"""Factors on the time after which a refused client may try again, so that clients that were refused together do not
come back together."""

POLL_SECONDS = 0.02
"""Seconds between two looks at a drain."""


class Refused(ProblemError):
    """No conversation can begin now.

    Args:
        cause: `full`, or the health's status.
        problem: the reason, for the client.
        retry_after: seconds after which the client may try again; None where the service does not know.
    """

    def __init__(self, cause: str, problem: Problem, *, retry_after: int | None = None) -> None:
        super().__init__(problem)
        self.cause = cause
        self.retry_after = retry_after


class SessionManager:
    """
    Args:
        queue: sessions that may wait when every slot is in use.
        drain_seconds: the time that live conversations have left when the service shuts down.
    """

    def __init__(self, engine: Engine[Loaded], queue: int, limits: Limits, drain_seconds: float) -> None:
        self.engine = engine
        self.limits = limits
        self.queue = queue
        self.drain_seconds = drain_seconds
        self._admission: Admission[Session] | None = None
        self._sessions: set[Session] = set()
        self._draining = False
        self._announces = False
        """Whether `_announce` runs soon."""
        engine.on_failure = lambda problem: self._end_all(End(CloseCode.ENGINE_FAILED, failures.engine_failed(problem)))

    @property
    def health(self) -> Health:
        """The engine's health, or that of a service that shuts down."""
        if self._draining:
            left = counted(self.used, "conversation") if self.used else "no conversation"
            return Health("draining", "draining", None, f"the service is shutting down; {left} left")
        return self.engine.health

    @property
    def used(self) -> int:
        """Slots that sessions hold."""
        return self._admission.used if self._admission else 0

    @property
    def waiting(self) -> int:
        """Sessions in the queue."""
        return len(self._admission.waiting) if self._admission else 0

    @property
    def load(self) -> Load:
        """Slots and queue now."""
        return Load(self.used, self.engine.slots, self.waiting)

    def check(self, *, may_wait: bool = True) -> None:
        """Look whether a session could begin now, or wait if it may.

        Raises:
            Refused: there is no room, or the model is not ready.
        """
        health = self.health
        if health.status != "ready":
            raise Refused(health.status, not_ready(health))
        if self._admission is None:
            self._admission = Admission(self.engine.slots, self.queue, self.limits.session)
        elif self._admission.used == 0:
            self._admission.slots = self.engine.slots  # another number if it failed and recovered
        if not self._admission.has_room(may_wait=may_wait):
            raise self._full(self._admission)

    def enter(self, session: Session, *, may_wait: bool = True) -> None:
        """Assign a slot to the session, or let it wait if it may. Its outbox says which.

        Raises:
            Refused: there is no room to wait either, or the model is not ready.
        """
        self.check(may_wait=may_wait)
        assert self._admission is not None
        slot = self._admission.enter(session, time.monotonic(), may_wait=may_wait)
        self._sessions.add(session)
        if slot is None:
            session.tell(self.place(session))
        else:
            self._assign(session, slot)

    def place(self, session: Session) -> Place:
        """The place in the queue of a session that waits."""
        assert self._admission is not None
        return self._admission.place(session, time.monotonic())

    def push(self, session: Session, frames: Sequence[NDArray[np.float32]]) -> None:
        """Give the engine a live session's input, each frame float32 [frame_size]. The oldest frames that exceed the
        backlog are dropped."""
        excess = max(0, len(frames) - BACKLOG_FRAMES)
        dropped = excess + sum(self.engine.push(session.request, frame) for frame in frames[excess:])
        if dropped:
            session.drop(dropped)

    def clear(self, session: Session) -> None:
        """Drop the session's input that the model has not heard yet."""
        self.engine.clear(session.request)

    def leave(self, session: Session) -> None:
        """Release the session's slot, or its place in the queue. Leaving twice is harmless."""
        session.leave()
        self._sessions.discard(session)
        if self._admission is None:
            return
        following = self._admission.leave(session, time.monotonic())
        self.engine.release(session.request)
        if following is not None:
            slot = self._admission.slot(following)
            assert slot is not None
            self._assign(following, slot)
        self._announce_soon()

    async def drain(self) -> None:
        """Take no new session, and let the sessions that have a slot go on for `drain_seconds`; then end them."""
        self._draining = True
        log.info("draining: %d conversations, at most %g s", self.used, self.drain_seconds)
        leaving = End(CloseCode.GOING_AWAY, errors.shutting_down())
        for session in list(self._sessions):
            if session.state is State.WAITING:
                session.end(leaving)
        began = time.monotonic()
        warned: set[Session] = set()
        while self._sessions and (left := began + self.drain_seconds - time.monotonic()) > 0:
            for session in self._sessions - warned:
                if session.state is State.LIVE:
                    session.tell(Notice("draining", math.ceil(left)))
                    warned.add(session)
            await asyncio.sleep(POLL_SECONDS)
        self._end_all(leaving)
        began = time.monotonic()
        while self._sessions and time.monotonic() < began + LEAVE_SECONDS:
            await asyncio.sleep(POLL_SECONDS)

    def hurry(self) -> None:
        """Leave the live conversations no time, also if draining has begun."""
        self.drain_seconds = 0.0

    def _announce_soon(self) -> None:
        """Tell those who wait their places in the next iteration of the event loop, once for all who leave in this one.
        Hundreds leave together when a frontend is lost, and news of each would fill the outboxes of the others."""
        if self.waiting and not self._announces:
            self._announces = True
            asyncio.get_running_loop().call_soon(self._announce)

    def _announce(self) -> None:
        self._announces = False
        if self._admission is not None:
            for session, place in self._admission.places(time.monotonic()):
                session.tell(place)

    def _assign(self, session: Session, slot: int) -> None:
        if session.state is State.ENDED:
            return  # its connection is about to leave, and then the next session gets the slot
        self.engine.assign(session.request, slot)
        if session.request.prompt is None:
            session.begin()
        else:
            session.prefill()

    def _end_all(self, end: End) -> None:
        for session in list(self._sessions):
            session.end(end)

    def _full(self, admission: Admission[Session]) -> Refused:
        waiting = admission.waiting
        last = admission.place(waiting[-1], time.monotonic()) if waiting else None
        wait = next((known for known in (last.wait, last.longest) if known is not None), 60.0) if last else 60.0
        after = math.ceil(wait * random.uniform(*RETRY_SPREAD))
        problem = errors.queue_full(admission.slots, len(waiting)) if waiting else errors.slots_full(admission.slots)
        return Refused("full", problem, retry_after=max(1, after))


def not_ready(health: Health) -> Problem:
    """Why no conversation can begin while the service has this health."""
    detail = Problem(health.error, health.detail) if health.error else health.detail
    return errors.not_ready(health.status, detail)
