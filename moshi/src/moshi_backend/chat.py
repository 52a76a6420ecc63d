"""`WS /api/chat`: one conversation between a socket and the engine."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract
from starlette.websockets import WebSocketDisconnect

from moshi_backend import protocol
from moshi_backend.access import Access, Rejected
from moshi_backend.lobby import Lobby, Refused
from moshi_backend.model.batch import Frame
from moshi_backend.opus import NotOpus, OpusCodec
from moshi_backend.preferences import BadPreference, choose, described
from moshi_backend.protocol import Close, Kind
from moshi_backend.scheduling.admission import Place
from moshi_backend.scheduling.limits import Notice, Watch
from moshi_backend.scheduling.throttle import Throttle
from moshi_backend.scheduling.ticking import PERIOD
from moshi_backend.session import BACKLOG_FRAMES, Admitted, End, Session
from moshi_backend.telemetry import metrics
from moshi_backend.telemetry.stutter import Stutter

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


async def converse(
    socket: WebSocket, lobby: Lobby, pool: ThreadPoolExecutor, access: Access, log_text: bool = False
) -> None:
    """Serve one client until it leaves, breaks a rule, or the service ends the conversation.

    The socket is accepted even to be refused: a browser learns neither code nor reason of a failed upgrade.
    """
    with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER) as span:
        await socket.accept()
        extended = socket.query_params.get("protocol") == "2"
        try:
            with access.admit(socket):
                session = _enter(socket, lobby)
                try:
                    await _serve(socket, session, lobby, pool, extended, log_text)
                finally:
                    lobby.leave(session)
        except Rejected as rejected:
            log.info("refused: %s", rejected)
            metrics.REFUSED.add(1, {"reason": rejected.cause})
            span.set_attributes({"moshi.refused": rejected.cause, "moshi.close.code": rejected.code.value})
            await _close(socket, extended, End(rejected.code, str(rejected)))


def _enter(socket: WebSocket, lobby: Lobby) -> Session:
    if (loaded := lobby.engine.loaded) is None:
        raise Rejected(lobby.health.status, Close.TRY_LATER, f"{lobby.health.status}: {lobby.health.detail}")
    try:
        session = Session(choose(socket.query_params, loaded.model.sampling))
        lobby.enter(session)
    except BadPreference as error:
        raise Rejected("setting", Close.BAD_PREFERENCE, str(error)) from None
    except Refused as refusal:
        raise Rejected(refusal.cause, Close.TRY_LATER, str(refusal)) from None
    return session


async def _serve(
    socket: WebSocket, session: Session, lobby: Lobby, pool: ThreadPoolExecutor, extended: bool, log_text: bool
) -> None:
    began, span = time.monotonic(), trace.get_current_span()
    span.set_attribute("session.id", session.id)
    log.info("session %s: connected", session.id)
    reason = await _run(socket, session, lobby, pool, extended, log_text)
    end = "client" if session.end_code is None else session.end_code.name.lower()
    metrics.DURATION.record(time.monotonic() - began, {"end": end})
    span.set_attributes({"moshi.end": end, "moshi.end.detail": reason, **_summary(session)})
    log.info("session %s: ends (%s), %d frames dropped", session.id, reason, session.stats.dropped)


async def _run(
    socket: WebSocket, session: Session, lobby: Lobby, pool: ThreadPoolExecutor, extended: bool, log_text: bool
) -> str:
    assert lobby.engine.loaded is not None
    model = lobby.engine.loaded.model
    codec = OpusCodec(pool, model.sample_rate, model.frame_size)
    watch = Watch(lobby.limits, time.monotonic())
    receiver = asyncio.create_task(_receive(socket, session, lobby, codec, watch))
    sender = asyncio.create_task(_send(socket, session, codec, extended, log_text))
    ended = asyncio.create_task(session.ended.wait())
    watcher = asyncio.create_task(_watch(session, lobby, watch))
    tasks = (receiver, sender, ended, watcher)
    try:
        await asyncio.wait((receiver, sender, ended), return_when=asyncio.FIRST_COMPLETED)
        if receiver.done():
            if isinstance(outcome := receiver.result(), str):
                return outcome
            session.end(outcome)
        async with asyncio.timeout(CLOSE_SECONDS):
            return await sender
    except TimeoutError:
        return "client did not read its last messages"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _receive(socket: WebSocket, session: Session, lobby: Lobby, codec: OpusCodec, watch: Watch) -> End | str:
    """Until the client leaves (says why, for the log) or breaks a rule (an end to tell it)."""
    throttle = Throttle(INPUT_BURST, time.monotonic())
    stutter = Stutter("a gap in the input")
    heard: float | None = None
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return f"client left, code {message.get('code')}"
        data = message.get("bytes")
        if data is None:
            return End(Close.NOT_BINARY, "text messages are not understood; send binary ones")
        work = MESSAGE_SECONDS
        match data[0] if data else None:
            case Kind.AUDIO:
                try:
                    frames = await codec.decode(data[1:])
                except NotOpus as error:
                    metrics.OPUS_ERRORS.add(1)
                    return End(Close.NOT_OPUS, f"audio is not Ogg/Opus: {error}")
                now = time.monotonic()
                watch.heard(now)
                if heard is not None:
                    metrics.GAP.record(now - heard)
                    if now - heard > LONG_GAP_SECONDS:
                        stutter.note(seconds=now - heard)
                heard = now
                work = max(work, len(frames) * PERIOD / INPUT_SPEED)
                if session.admitted.is_set():
                    if len(frames) > BACKLOG_FRAMES:
                        session.drop(len(frames) - BACKLOG_FRAMES)
                    for frame in frames[-BACKLOG_FRAMES:]:
                        lobby.engine.push(session, frame)
                else:
                    metrics.DROPPED.add(len(frames), {"reason": "waiting"})
            case Kind.PING:
                await socket.send_bytes(bytes([Kind.PING]))
            case _:
                pass  # upstream's servers ignore the other kinds, and its clients send some
        if wait := throttle.wait(work, time.monotonic()):
            await asyncio.sleep(min(wait, 1.0))


async def _watch(session: Session, lobby: Lobby, watch: Watch) -> None:
    """Tell the client where it stands while it waits, and what time is left while it talks."""
    if not session.admitted.is_set():
        with _tracer.start_as_current_span("queue"):
            await _wait(session, lobby)
    watch.begin(time.monotonic())
    while (due := watch.due()) is not None:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        match watch.poll(time.monotonic()):
            case Notice(why, 0.0):
                session.end(_LIMIT_ENDS[why])
                return
            case Notice() as notice:
                session.tell(notice)


async def _wait(session: Session, lobby: Lobby) -> None:
    while not session.admitted.is_set():
        try:
            async with asyncio.timeout(PLACE_EVERY_SECONDS):
                await session.admitted.wait()
        except TimeoutError:
            session.tell(lobby.place(session))


_LIMIT_ENDS = {
    "session": End(Close.FINISHED, "the time for a conversation is over"),
    "idle": End(Close.IDLE, "no audio came for too long"),
}


async def _send(socket: WebSocket, session: Session, codec: OpusCodec, extended: bool, log_text: bool) -> str:
    """Until the conversation ends; says why, for the log."""
    frames, place = 0, 0
    connected = admitted = time.monotonic()
    span, stutter = trace.get_current_span(), Stutter("a late answer")
    try:
        while not isinstance(item := await session.outbox.get(), End):
            match item:
                case Frame():
                    await socket.send_bytes(protocol.audio(await codec.encode(item.pcm)))
                    if frames == 0:
                        metrics.FIRST_AUDIO.record(time.monotonic() - admitted)
                        span.add_event("first audio")
                    if session.stats.lag > PERIOD:
                        stutter.note(**_timing(session))
                    if item.text:
                        await socket.send_bytes(protocol.text(item.text))
                        if log_text:
                            log.info("session %s: says %r", session.id, item.text)
                    frames += 1
                    if extended and frames % STATS_EVERY_FRAMES == 0:
                        await socket.send_bytes(_stats(session))
                case Admitted():
                    admitted = time.monotonic()
                    metrics.QUEUE_WAIT.record(admitted - connected)
                    span.add_event("admitted", {"moshi.queue_wait": admitted - connected})
                    log.info("session %s: begins", session.id)
                    if extended:
                        settings = described(session.sampling)
                        await socket.send_bytes(protocol.metadata("session", id=session.id, settings=settings))
                    await socket.send_bytes(protocol.HANDSHAKE)
                case Place(position, wait):
                    if position != place:
                        span.add_event("queued", {"moshi.position": position})
                        place = position
                    if not extended:
                        continue
                    seconds = None if wait is None else round(wait)
                    await socket.send_bytes(protocol.metadata("queue", position=position, wait_seconds=seconds))
                case Notice(why, left):
                    span.add_event("warned", {"moshi.why": why, "moshi.left": left})
                    if not extended:
                        continue
                    await socket.send_bytes(protocol.metadata("warning", why=why, seconds=round(left)))
        await _close(socket, extended, item)
    except WebSocketDisconnect:
        return "client left while it was sent to"
    return f"{item.code.value} {item.reason}"


def _stats(session: Session) -> bytes:
    return protocol.metadata(
        "stats",
        tick_ms=round(session.stats.tick * 1000, 1),
        lag_ms=round(session.stats.lag * 1000, 1),
        backlog_frames=session.backlog,
        dropped_frames=session.stats.dropped,
    )


def _timing(session: Session) -> dict[str, float]:
    """Of the last frame: a slow tick is the model's fault, a backlog beside a fast one the client's or the loop's."""
    stats = session.stats
    return {"lag": stats.lag, "tick": stats.tick, "batch_size": stats.rows, "backlog": session.backlog}


def _summary(session: Session) -> dict[str, float]:
    stats = session.stats
    return {
        "moshi.dropped_frames": stats.dropped,
        "moshi.deficit_frames": stats.deficit,
        "moshi.longest_lag": stats.longest_lag,
    }


async def _close(socket: WebSocket, extended: bool, end: End) -> None:
    if extended:
        await socket.send_bytes(protocol.metadata("end", code=end.code.value, reason=end.reason))
    await socket.close(end.code.value, protocol.close_reason(end.reason))
