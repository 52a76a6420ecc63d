"""`WS /api/chat`: one conversation between a socket and the engine."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from moshi_backend import protocol
from moshi_backend.engine import Engine, Refused
from moshi_backend.opus import NotOpus, OpusCodec
from moshi_backend.protocol import Close, Kind
from moshi_backend.session import BACKLOG_FRAMES, End, Session

log = logging.getLogger(__name__)

STATS_EVERY_FRAMES = 12
"""About a second."""

CLOSE_SECONDS = 2.0
"""How long a client has to take what is left for it, and the close frame."""


async def converse(socket: WebSocket, engine: Engine, pool: ThreadPoolExecutor, allowed: tuple[str, ...]) -> None:
    """Serve one client until it leaves, breaks a rule, or the service ends the conversation.

    The socket is accepted even to be refused: a browser learns neither code nor reason of a failed upgrade.
    """
    await socket.accept()
    extended = socket.query_params.get("protocol") == "2"
    if not is_allowed_origin(socket.headers.get("origin"), socket.headers.get("host"), allowed):
        reason = f"origin {socket.headers['origin']} is not in MOSHI_ALLOWED_ORIGINS"
        await _close(socket, extended, End(Close.NOT_ALLOWED, reason))
        return
    try:
        session = engine.open()
    except Refused as refusal:
        await _close(socket, extended, End(Close.TRY_LATER, str(refusal)))
        return
    log.info("session %s: begins in slot %d", session.id, session.slot)
    try:
        reason = await _run(socket, session, engine, pool, extended)
    finally:
        engine.close(session)
    log.info("session %s: ends (%s), %d frames dropped", session.id, reason, session.stats.dropped)


def is_allowed_origin(origin: str | None, host: str | None, allowed: tuple[str, ...]) -> bool:
    """Programs send no origin. A browser may come from the service's own page or from one that is listed."""
    return origin is None or origin in (f"http://{host}", f"https://{host}", *allowed)


async def _run(socket: WebSocket, session: Session, engine: Engine, pool: ThreadPoolExecutor, extended: bool) -> str:
    assert engine.loaded is not None
    model = engine.loaded.model
    codec = OpusCodec(pool, model.sample_rate, model.frame_size)
    receiver = asyncio.create_task(_receive(socket, session, engine, codec))
    sender = asyncio.create_task(_send(socket, session, codec, extended))
    ended = asyncio.create_task(session.ended.wait())
    tasks = (receiver, sender, ended)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
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


async def _receive(socket: WebSocket, session: Session, engine: Engine, codec: OpusCodec) -> End | str:
    """Until the client leaves (says why, for the log) or breaks a rule (an end to tell it)."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return f"client left, code {message.get('code')}"
        data = message.get("bytes")
        if data is None:
            return End(Close.NOT_BINARY, "text messages are not understood; send binary ones")
        if not data:
            continue
        match data[0]:
            case Kind.AUDIO:
                try:
                    frames = await codec.decode(data[1:])
                except NotOpus as error:
                    return End(Close.NOT_OPUS, f"audio is not Ogg/Opus: {error}")
                session.stats.dropped += max(0, len(frames) - BACKLOG_FRAMES)
                for frame in frames[-BACKLOG_FRAMES:]:
                    engine.push(session, frame)
            case Kind.PING:
                await socket.send_bytes(bytes([Kind.PING]))
            case _:
                pass  # upstream's servers ignore the other kinds, and its clients send some


async def _send(socket: WebSocket, session: Session, codec: OpusCodec, extended: bool) -> str:
    """Until the conversation ends; says why, for the log."""
    frames = 0
    try:
        if extended:
            await socket.send_bytes(protocol.metadata("session", id=session.id))
        await socket.send_bytes(protocol.HANDSHAKE)
        while not isinstance(item := await session.outbox.get(), End):
            await socket.send_bytes(protocol.audio(await codec.encode(item.pcm)))
            if item.text:
                await socket.send_bytes(protocol.text(item.text))
            frames += 1
            if extended and frames % STATS_EVERY_FRAMES == 0:
                await socket.send_bytes(_stats(session))
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


async def _close(socket: WebSocket, extended: bool, end: End) -> None:
    if extended:
        await socket.send_bytes(protocol.metadata("end", code=end.code.value, reason=end.reason))
    await socket.close(end.code.value, protocol.close_reason(end.reason))
