"""One conversation between a socket and the engine: what comes in, what goes out, and when it ends."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import WebSocket
from opentelemetry import trace
from starlette.websockets import WebSocketDisconnect

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice, Watch
from moshi_backend.conversation.manager import Lobby
from moshi_backend.conversation.opus import NotOpus, OpusCodec
from moshi_backend.conversation.preferences import described
from moshi_backend.conversation.session import BACKLOG_FRAMES, Admitted, End, Preparing, Session
from moshi_backend.conversation.stutter import Stutter
from moshi_backend.conversation.throttle import Throttle
from moshi_backend.engine.scheduler import PERIOD
from moshi_backend.model.batch import Frame
from moshi_backend.model.text import TextDecoder
from moshi_backend.telemetry import metrics
from moshi_service.protocol import events, wire
from moshi_service.protocol.wire import Close, Kind

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_backend")

LONG_GAP_SECONDS = 3 * PERIOD
"""Between two audio messages: worth a note in the trace."""

STATS_EVERY_FRAMES = 12
"""About a second."""

PLACE_EVERY_SECONDS = 5.0
"""How often a client that waits is told its place, if nothing moves."""

CLOSE_SECONDS = 2.0
"""How long a client has to take what is left for it, and the close frame."""

INPUT_SPEED = 2.0
"""Audio is read at this many times real time, after a stall of the network say."""

MESSAGE_SECONDS = 0.01
"""What any message costs at least: 100 a second are read."""

INPUT_BURST = 2.0
"""Seconds of work that a client may send at once."""

_LIMIT_ENDS = {
    "session": End(Close.FINISHED, "the time for a conversation is over"),
    "idle": End(Close.IDLE, "no audio came for too long"),
}


class Conversation:
    """A session that the lobby has let in, and its socket, which is open.

    Args:
        extended: the client asked for metadata.
        log_text: whether what the model says goes into the log.
    """

    def __init__(
        self,
        socket: WebSocket,
        session: Session,
        lobby: Lobby,
        pool: ThreadPoolExecutor,
        *,
        extended: bool,
        log_text: bool,
    ) -> None:
        assert lobby.engine.loaded is not None
        model = lobby.engine.loaded.model
        self._socket = socket
        self._session = session
        self._lobby = lobby
        self._extended = extended
        self._log_text = log_text
        self._text = TextDecoder(model.vocabulary)
        self._codec = OpusCodec(pool, model.sample_rate, model.frame_size)
        self._admitted = time.monotonic()
        self._heard: float | None = None
        self._watch = Watch(lobby.limits, self._admitted)
        self._span = trace.get_current_span()
        self._gaps, self._late = Stutter("a gap in the input"), Stutter("a late answer")

    async def run(self) -> None:
        """Until the client leaves, breaks a rule, or the service ends it."""
        session = self._session
        self._span.set_attribute("session.id", session.id)
        log.info("session %s: connected", session.id)
        reason = await self._until_the_end()
        end = "client" if session.end_code is None else session.end_code.name.lower()
        metrics.DURATION.record(time.monotonic() - session.entered, {"end": end})
        self._span.set_attributes(
            {
                "moshi.end": end,
                "moshi.end.detail": reason,
                "moshi.dropped_frames": session.stats.dropped,
                "moshi.deficit_frames": session.stats.deficit,
                "moshi.longest_lag": session.stats.longest_lag,
            }
        )
        log.info("session %s: ends (%s), %d frames dropped", session.id, reason, session.stats.dropped)

    async def _until_the_end(self) -> str:
        """Says why, for the log."""
        receiver = asyncio.create_task(self._receive())
        sender = asyncio.create_task(self._send())
        ended = asyncio.create_task(self._session.ended.wait())
        tasks = (receiver, sender, ended, asyncio.create_task(self._keep_time()))
        try:
            await asyncio.wait((receiver, sender, ended), return_when=asyncio.FIRST_COMPLETED)
            if receiver.done():
                if isinstance(outcome := receiver.result(), str):
                    return outcome
                self._session.end(outcome)
            async with asyncio.timeout(CLOSE_SECONDS):
                return await sender
        except TimeoutError:
            return "client did not read its last messages"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> End | str:
        """Until the client leaves (says why, for the log) or breaks a rule (an end to tell it)."""
        throttle = Throttle(INPUT_BURST, time.monotonic())
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return f"client left, code {message.get('code')}"
            data = message.get("bytes") or b""  # a text message; upstream's servers ignore these too
            work = MESSAGE_SECONDS
            match data[0] if data else None:
                case Kind.AUDIO:
                    try:
                        frames = await self._listen(data[1:])
                    except NotOpus as error:
                        metrics.OPUS_ERRORS.add(1)
                        return End(Close.NOT_OPUS, f"audio is not Ogg/Opus: {error}")
                    work = max(work, frames * PERIOD / INPUT_SPEED)
                case Kind.PING:
                    try:
                        await send(self._socket, wire.PING)
                    except WebSocketDisconnect:
                        return "client left before its ping was answered"
                case _:
                    pass  # upstream's servers ignore the other kinds, and its clients send some
            if wait := throttle.wait(work, time.monotonic()):
                await asyncio.sleep(min(wait, 1.0))

    async def _listen(self, ogg: bytes) -> int:
        """Hand on what these pages complete, and say how many frames that is. A client's stream begins when it
        connects, so it is decoded also before its turn."""
        session = self._session
        frames = await self._codec.decode(ogg)
        self._note_gap(time.monotonic())
        if session.admitted.is_set():
            if len(frames) > BACKLOG_FRAMES:
                session.drop(len(frames) - BACKLOG_FRAMES)
            for frame in frames[-BACKLOG_FRAMES:]:
                self._lobby.engine.push(session, frame)
        else:
            metrics.DROPPED.add(len(frames), {"reason": "waiting"})
        return len(frames)

    def _note_gap(self, now: float) -> None:
        self._watch.heard(now)
        if self._heard is not None:
            metrics.GAP.record(now - self._heard)
            if now - self._heard > LONG_GAP_SECONDS:
                self._gaps.note(seconds=now - self._heard)
        self._heard = now

    async def _keep_time(self) -> None:
        """Tell the client where it stands while it waits, and what time is left while it talks."""
        if not self._session.admitted.is_set():
            with _tracer.start_as_current_span("queue"):
                await self._wait()
        self._watch.begin(time.monotonic())
        while (due := self._watch.due()) is not None:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            match self._watch.poll(time.monotonic()):
                case Notice(why, 0.0):
                    self._session.end(_LIMIT_ENDS[why])
                    return
                case Notice() as notice:
                    self._session.tell(notice)

    async def _wait(self) -> None:
        while not self._session.admitted.is_set():
            try:
                async with asyncio.timeout(PLACE_EVERY_SECONDS):
                    await self._session.admitted.wait()
            except TimeoutError:
                if self._lobby.waits(self._session):
                    self._session.tell(self._lobby.place(self._session))

    async def _send(self) -> str:
        """Until the conversation ends; says why, for the log."""
        frames, place = 0, 0
        try:
            while not isinstance(item := await self._session.outbox.get(), End):
                match item:
                    case Frame():
                        await self._say(item, first=frames == 0)
                        frames += 1
                        if frames % STATS_EVERY_FRAMES == 0:
                            await self._tell(self._stats())
                    case Preparing(done, total, left):
                        seconds = None if left is None else round(left, 1)
                        await self._tell(events.PreparingEvent(done=done, total=total, seconds=seconds))
                    case Admitted():
                        await self._begin()
                    case Place(position, wait, longest):
                        if position != place:
                            self._span.add_event("queued", {"moshi.position": position})
                            place = position
                        seconds, most = (None if known is None else round(known) for known in (wait, longest))
                        await self._tell(
                            events.QueueEvent(position=position, wait_seconds=seconds, longest_wait_seconds=most)
                        )
                    case Notice(why, left):
                        self._span.add_event("warned", {"moshi.why": why, "moshi.left": left})
                        await self._tell(events.WarningEvent(why=why, seconds=round(left)))
            await self._write(self._text.finish())
            await close(self._socket, item, extended=self._extended)
        except WebSocketDisconnect:
            return "client left while it was sent to"
        return f"{item.code.value} {item.reason}"

    async def _begin(self) -> None:
        session = self._session
        self._admitted = time.monotonic()
        seated = session.seated or self._admitted
        waited = seated - session.entered
        metrics.QUEUE_WAIT.record(waited)
        self._span.add_event("admitted", {"moshi.queue_wait": waited})
        preparation = None
        if session.prefix is not None:
            took = self._admitted - seated
            metrics.PREFIX.record(took, {"voice": "remembered" if session.recalled else "read"})
            self._span.add_event("prepared", {"moshi.prefix.steps": session.prefix.steps, "moshi.prefix.seconds": took})
            preparation = events.Preparation(
                steps=session.prefix.steps, seconds=round(took, 3), remembered=session.recalled
            )
        log.info("session %s: begins", session.id)
        settings = described(session.sampling, session.persona)
        await self._tell(events.SessionEvent(id=session.id, settings=settings, preparation=preparation))
        await send(self._socket, wire.HANDSHAKE)

    async def _say(self, frame: Frame, first: bool) -> None:
        stats = self._session.stats
        await send(self._socket, wire.audio(await self._codec.encode(frame.pcm)))
        if first:
            metrics.FIRST_AUDIO.record(time.monotonic() - self._admitted)
            self._span.add_event("first audio")
        if stats.lag > PERIOD:
            # A slow tick is the model's fault, a backlog beside a fast one the client's or the event loop's.
            self._late.note(lag=stats.lag, tick=stats.tick, batch_size=stats.rows, backlog=self._session.backlog)
        await self._write(self._text.feed(frame.tokens[0]))

    async def _write(self, text: str) -> None:
        if text:
            await send(self._socket, wire.text(text))
            if self._log_text:
                log.info("session %s: says %r", self._session.id, text)

    def _stats(self) -> events.StatsEvent:
        stats = self._session.stats
        return events.StatsEvent(
            tick_ms=round(stats.tick * 1000, 1),
            lag_ms=round(stats.lag * 1000, 1),
            backlog_frames=self._session.backlog,
            dropped_frames=stats.dropped,
        )

    async def _tell(self, event: events.ServerEvent) -> None:
        if self._extended:
            await send(self._socket, event.message())


async def send(socket: WebSocket, message: bytes) -> None:
    """
    Raises:
        WebSocketDisconnect: the connection is closed, by whichever side.
    """
    try:
        await socket.send_bytes(message)
    except RuntimeError as error:  # the server closed it: a message was too long, or pings stayed unanswered
        raise WebSocketDisconnect from error


async def close(socket: WebSocket, end: End, *, extended: bool) -> None:
    """Announce the end to a client that asked for metadata, and close.

    Raises:
        WebSocketDisconnect: it is closed already.
    """
    if extended:
        event = events.EndEvent(code=end.code.value, reason=end.reason, retry_after=end.retry_after)
        await send(socket, event.message())
    try:
        await socket.close(end.code.value, wire.close_reason(end.reason, end.retry_after))
    except RuntimeError as error:
        raise WebSocketDisconnect from error
