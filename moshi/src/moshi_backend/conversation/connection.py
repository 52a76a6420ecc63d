"""The socket of one session: it reads the client's messages, and sends the items of the outbox."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.clock import Clock
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.manager import SessionManager
from moshi_backend.conversation.opus import NotOpus, OpusCodec
from moshi_backend.conversation.outbox import Begun, End, Item
from moshi_backend.conversation.preferences import described
from moshi_backend.conversation.session import Session, State
from moshi_backend.conversation.throttle import Throttle
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.engine.scheduler import PERIOD
from moshi_backend.errors import conversations as errors
from moshi_backend.model.batch import Frame
from moshi_backend.model.text import TextDecoder
from moshi_service.protocol import events, wire
from moshi_service.protocol.wire import CloseCode, Kind

STATS_EVERY_FRAMES = 12
"""Frames between two `stats` messages, about a second."""

CLOSE_SECONDS = 2.0
"""Seconds in which a client must take the rest of its messages and the close frame."""

INPUT_SPEED = 2.0
"""The service reads audio at this many times real time, after a stall of the network for example."""

MESSAGE_SECONDS = 0.01
"""Seconds of work that any message counts as, at least: the service reads 100 messages a second."""

INPUT_BURST = 2.0
"""Seconds of work that a client may send at once."""


class Connection:
    """
    Args:
        socket: accepted, and open.
        session: the manager has let it in.
        pool: the threads that Opus runs on.
        extended: whether the client asked for metadata.
    """

    def __init__(
        self, socket: WebSocket, session: Session, manager: SessionManager, pool: ThreadPoolExecutor, *, extended: bool
    ) -> None:
        assert manager.engine.loaded is not None
        model = manager.engine.loaded.model
        self._socket = socket
        self._session = session
        self._manager = manager
        self._extended = extended
        self._text = TextDecoder(model.vocabulary)
        self._codec = OpusCodec(pool, model.sample_rate, model.frame_size)
        self._clock = Clock(session, manager.limits, lambda: manager.place(session))
        self._frames = 0

    async def run(self) -> None:
        """Until the client leaves or breaks a rule, or the service ends the session."""
        session = self._session
        session.observer.connected(session.id)
        detail = await self._until_the_end()
        session.observer.ended(session.ending, detail)

    async def _until_the_end(self) -> str:
        """Returns the reason, for the log."""
        receiver = asyncio.create_task(self._receive())
        sender = asyncio.create_task(self._send())
        ended = asyncio.create_task(self._session.reach(State.ENDED))
        tasks = (receiver, sender, ended, asyncio.create_task(self._clock.run()))
        try:
            await asyncio.wait((receiver, sender, ended), return_when=asyncio.FIRST_COMPLETED)
            # uvicorn also reports a close of ours as a disconnect.
            if receiver.done() and not ended.done():
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
        """Until the client leaves (returns the reason, for the log) or breaks a rule (returns the end to tell it)."""
        throttle = Throttle(INPUT_BURST, time.monotonic())
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return f"client left, code {message.get('code')}"
            data = message.get("bytes") or b""  # empty for a text message, which upstream's servers ignore too
            work = MESSAGE_SECONDS
            match data[0] if data else None:
                case Kind.AUDIO:
                    try:
                        frames = await self._hear(data[1:])
                    except NotOpus as error:
                        self._session.observer.not_opus()
                        return End(CloseCode.NOT_OPUS, errors.not_opus(error))
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

    async def _hear(self, ogg: bytes) -> int:
        """Pass on the frames that these pages complete, and return their number. A client's stream begins when it
        connects, so the service decodes it also while the client waits."""
        session = self._session
        frames = await self._codec.decode(ogg)
        now = time.monotonic()
        self._clock.heard(now)
        session.observer.received(now)
        if session.state is State.LIVE:
            self._manager.push(session, frames)
        elif session.state is not State.ENDED:
            session.observer.dropped(len(frames), "waiting")
        return len(frames)

    async def _send(self) -> str:
        """Until the session ends. Returns the reason, for the log."""
        try:
            while not isinstance(item := await self._session.outbox.get(), End):
                await self._send_item(item)
                self._session.observer.sent(item)
            await self._write(self._text.finish())
            await close(self._socket, item, extended=self._extended)
        except WebSocketDisconnect:
            return "client left while it was sent to"
        return f"{item.code.value} {item.problem}"

    async def _send_item(self, item: Item) -> None:
        match item:
            case Frame():
                await self._say(item)
            case PrefillProgress(done, total, left):
                seconds = None if left is None else round(left, 1)
                await self._tell(events.PrefillEvent(done=done, total=total, seconds=seconds))
            case Begun():
                await self._begin(item)
            case Place(position, wait, longest):
                seconds, most = (None if known is None else round(known) for known in (wait, longest))
                event = events.QueueEvent(position=position, wait_seconds=seconds, longest_wait_seconds=most)
                await self._tell(event)
            case Notice(why, left):
                await self._tell(events.WarningEvent(why=why, seconds=round(left)))

    async def _begin(self, begun: Begun) -> None:
        session, prefill = self._session, None
        if (prompt := begun.prompt) is not None:
            prefill = events.PrefillSummary(
                steps=prompt.steps, seconds=round(prompt.seconds, 3), remembered=prompt.cached
            )
        settings = described(session.request.sampling, session.persona)
        await self._tell(events.SessionEvent(id=session.id, settings=settings, prefill=prefill))
        await send(self._socket, wire.HANDSHAKE)

    async def _say(self, frame: Frame) -> None:
        await send(self._socket, wire.audio(await self._codec.encode(frame.pcm)))
        await self._write(self._text.feed(frame.tokens[0]))
        self._frames += 1
        if self._frames % STATS_EVERY_FRAMES == 0:
            await self._tell(self._stats())

    async def _write(self, text: str) -> None:
        if text:
            await send(self._socket, wire.text(text))
            self._session.observer.said(text)

    def _stats(self) -> events.StatsEvent:
        session = self._session
        assert session.last is not None
        return events.StatsEvent(
            step_ms=round(session.last.step * 1000, 1),
            lag_ms=round(session.last.lag * 1000, 1),
            backlog_frames=session.request.backlog,
            dropped_frames=session.dropped,
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
        reason, error = end.problem.text, end.problem.code
        event = events.EndEvent(code=end.code.value, reason=reason, retry_after=end.retry_after, error=error)
        await send(socket, event.message())
    try:
        await socket.close(end.code.value, wire.close_reason(end.problem.text, end.retry_after))
    except RuntimeError as error:
        raise WebSocketDisconnect from error
