"""The protocol of `/api/chat`: upstream's binary messages, with events for clients that ask for them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.opus import NotOpus, OpusCodec
from moshi_backend.conversation.outbox import Begun, End, Item
from moshi_backend.conversation.preferences import described
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.wire import Heard, Message
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.text import TextDecoder
from moshi_service.protocol import events, wire
from moshi_service.protocol.wire import CloseCode, Kind

STATS_EVERY_FRAMES = 12
"""Frames between two `stats` messages, about a second."""


def farewell(end: End, *, extended: bool) -> list[bytes]:
    """The messages before a close frame."""
    if not extended:
        return []
    reason, error = end.problem.text, end.problem.code
    return [events.EndEvent(code=end.code.value, reason=reason, retry_after=end.retry_after, error=error).message()]


class UpstreamWire:
    """
    Args:
        pool: the threads that Opus runs on.
        extended: whether the client asked for metadata.
    """

    fills_gaps = False

    def __init__(self, session: Session, model: BatchedModel, pool: ThreadPoolExecutor, *, extended: bool) -> None:
        self._session = session
        self._extended = extended
        self._text = TextDecoder(model.vocabulary)
        self._codec = OpusCodec(pool, model.sample_rate, model.frame_size)
        self._frames = 0

    async def hear(self, message: Message) -> Heard:
        """See `Wire.hear`. A client's stream begins when it connects, so it is decoded also while the client waits."""
        data = message if isinstance(message, bytes) else b""  # upstream's servers ignore text messages too
        match data[0] if data else None:
            case Kind.AUDIO:
                try:
                    return Heard(frames=await self._codec.decode(data[1:]))
                except NotOpus as error:
                    self._session.observer.not_opus()
                    return Heard(end=End(CloseCode.NOT_OPUS, error.problem))
            case Kind.PING:
                return Heard(pong=wire.PING)
            case _:
                return Heard()  # upstream's servers ignore the other kinds, and its clients send some

    async def say(self, item: Item) -> Sequence[Message]:
        """See `Wire.say`."""
        match item:
            case Frame():
                return await self._speak(item)
            case PrefillProgress(done, total, left):
                seconds = None if left is None else round(left, 1)
                return self._tell(events.PrefillEvent(done=done, total=total, seconds=seconds))
            case Begun():
                return [*self._begin(item), wire.HANDSHAKE]
            case Place(position, wait, longest):
                seconds, most = (None if known is None else round(known) for known in (wait, longest))
                event = events.QueueEvent(position=position, wait_seconds=seconds, longest_wait_seconds=most)
                return self._tell(event)
            case Notice(why, left):
                return self._tell(events.WarningEvent(why=why, seconds=round(left)))
            case _:
                return ()

    def finish(self, end: End) -> Sequence[Message]:
        """See `Wire.finish`."""
        return [*self._write(self._text.finish()), *farewell(end, extended=self._extended)]

    def _begin(self, begun: Begun) -> Sequence[Message]:
        session, prefill = self._session, None
        if (prompt := begun.prompt) is not None:
            prefill = events.PrefillSummary(
                steps=prompt.steps, seconds=round(prompt.seconds, 3), remembered=prompt.cached
            )
        settings = described(session.request.sampling, session.persona)
        return self._tell(events.SessionEvent(id=session.id, settings=settings, prefill=prefill))

    async def _speak(self, frame: Frame) -> Sequence[Message]:
        audio = wire.audio(await self._codec.encode(frame.pcm))
        self._frames += 1
        stats = self._tell(self._stats()) if self._frames % STATS_EVERY_FRAMES == 0 else ()
        return [audio, *self._write(self._text.feed(frame.tokens[0])), *stats]

    def _write(self, text: str) -> Sequence[Message]:
        if not text:
            return ()
        self._session.observer.said(text)
        return [wire.text(text)]

    def _stats(self) -> events.StatsEvent:
        session = self._session
        assert session.last is not None
        return events.StatsEvent(
            step_ms=round(session.last.step * 1000, 1),
            lag_ms=round(session.last.lag * 1000, 1),
            backlog_frames=session.request.backlog,
            dropped_frames=session.dropped,
        )

    def _tell(self, event: events.ServerEvent) -> Sequence[Message]:
        return [event.message()] if self._extended else ()
