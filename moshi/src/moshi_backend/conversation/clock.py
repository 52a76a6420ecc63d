"""A session's clock: it repeats the place in the queue, announces the limits, and ends the session at them."""

import asyncio
import time
from collections.abc import Callable

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Limits, Notice, Watch
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session, State
from moshi_backend.errors import conversations as errors
from moshi_service.protocol.wire import CloseCode

PLACE_EVERY_SECONDS = 5.0
"""Seconds after which a waiting client is told its place again if nothing moves."""

_LIMIT_ENDS = {
    "session": End(CloseCode.FINISHED, errors.time_over()),
    "idle": End(CloseCode.IDLE, errors.no_audio()),
}


class Clock:
    """
    Args:
        place: the session's place in the queue. Only called while the session waits.
    """

    def __init__(self, session: Session, limits: Limits, place: Callable[[], Place]) -> None:
        self._session = session
        self._place = place
        self._watch = Watch(limits, time.monotonic())

    def heard(self, now: float) -> None:
        """The client sent audio, which puts off the limit of silence. `now`: seconds of `time.monotonic`."""
        self._watch.heard(now)

    async def run(self) -> None:
        """Until the session has ended, or no limit is left."""
        session = self._session
        if session.state < State.LIVE:
            with session.observer.waiting():
                await self._wait()
        self._watch.begin(time.monotonic())
        while session.state is State.LIVE and (due := self._watch.due()) is not None:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            match self._watch.poll(time.monotonic()):
                case Notice(why, 0.0):
                    session.end(_LIMIT_ENDS[why])
                case Notice() as notice:
                    session.tell(notice)

    async def _wait(self) -> None:
        session = self._session
        while session.state < State.LIVE:
            try:
                async with asyncio.timeout(PLACE_EVERY_SECONDS):
                    await session.reach(State.LIVE)
            except TimeoutError:
                if session.state is State.WAITING:
                    session.tell(self._place())
