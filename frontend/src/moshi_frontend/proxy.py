"""`WS /api/chat`: passes conversations on to moshi, so that a browser needs to accept one certificate only.

Messages are never looked at. Nothing is queued beyond what the two sockets hold: whoever reads slowly slows
the other side's sender down, and moshi decides when that is too slow.
"""

import asyncio
import logging
from contextlib import suppress
from itertools import count

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from moshi_frontend.closing import Close, Code
from moshi_frontend.discovery import Endpoint
from moshi_frontend.replicas import Replicas
from moshi_frontend.settings import Settings
from moshi_frontend.trust import Trust, explain

log = logging.getLogger(__name__)

MESSAGE_BYTES_FROM_CLIENT = 64 * 1024
MESSAGE_BYTES_FROM_MOSHI = 1024 * 1024
MESSAGES_READ_AHEAD = 8
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 0.25
PING_SECONDS = 5.0
"""Between pings, both ways; the network of a client may be gone without a word."""
PONG_SECONDS = 15.0
DRAIN_SECONDS = 3 * CLOSE_SECONDS
TRACE_HEADERS = ("traceparent", "tracestate")


class Proxy:
    """The conversations that are under way."""

    def __init__(self, settings: Settings, replicas: Replicas, trust: Trust) -> None:
        self._allowed_origins = settings.allowed_origins
        self._limit = settings.max_connections
        self._replicas = replicas
        self._trust = trust
        self._conversations: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()
        self._numbers = count(1)

    async def serve(self, socket: WebSocket) -> None:
        """Until either side ends it.

        The socket is accepted even to be refused: a browser learns neither code nor reason of a failed upgrade.
        """
        await socket.accept()
        if refusal := self._refusal(socket):
            await _close(socket, refusal)
            return
        conversation = asyncio.create_task(self._converse(socket))
        self._conversations.add(conversation)
        try:
            await conversation
        finally:
            self._conversations.discard(conversation)

    async def drain(self) -> None:
        """End every conversation with 1001. Returns when they have ended, or will not."""
        self._draining.set()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=DRAIN_SECONDS)

    def _refusal(self, socket: WebSocket) -> Close | None:
        origin = socket.headers.get("origin")
        if not is_allowed_origin(origin, socket.headers.get("host"), self._allowed_origins):
            return Close(Code.NOT_ALLOWED, f"origin {origin} is not in FRONTEND_ALLOWED_ORIGINS")
        if self._draining.is_set():
            return _SHUTTING_DOWN
        if len(self._conversations) >= self._limit:
            return Close(Code.TRY_LATER, f"full: all {self._limit} connections are in use; try again soon")
        return None

    async def _converse(self, socket: WebSocket) -> None:
        endpoint = self._replicas.best().endpoint
        try:
            moshi = await self._connect(endpoint, socket)
        except (OSError, InvalidHandshake, InvalidMessage) as error:
            reason = f"moshi is not reachable at {endpoint.url}: {explain(error)}"
            log.warning("no conversation: %s", reason)
            await _close(socket, Close(Code.TRY_LATER, reason))
            return
        number = next(self._numbers)
        log.info("conversation %d: begins, with moshi at %s", number, endpoint.url)
        async with moshi:
            ended = await self._relay(socket, moshi)
        log.info("conversation %d: ends, %s", number, ended)

    async def _connect(self, endpoint: Endpoint, socket: WebSocket) -> ClientConnection:
        query = f"?{socket.url.query}" if socket.url.query else ""
        traces = {name: socket.headers[name] for name in TRACE_HEADERS if name in socket.headers}
        return await connect(
            endpoint.chat_url + query,
            ssl=self._trust.context() if endpoint.is_tls else None,
            additional_headers=traces,
            compression=None,
            proxy=None,
            max_size=MESSAGE_BYTES_FROM_MOSHI,
            max_queue=MESSAGES_READ_AHEAD,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
        )

    async def _relay(self, socket: WebSocket, moshi: ClientConnection) -> str:
        """Pass messages both ways until a side ends, then end the other. Says what happened, for the log."""
        inward = asyncio.create_task(_client_to_moshi(socket, moshi))
        outward = asyncio.create_task(_moshi_to_client(moshi, socket))
        draining = asyncio.create_task(self._draining.wait())
        tasks = (inward, outward, draining)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                with suppress(TimeoutError):  # of one that reads nothing any more
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await _close(socket, _SHUTTING_DOWN)
                await moshi.close(Code.GOING_AWAY, _SHUTTING_DOWN.reason)
                return _SHUTTING_DOWN.reason
            if inward.done() and (left := inward.result()):
                await moshi.close(left.code, left.reason)
                return f"the client left: {left.code} {left.reason!r}"
            if ended := await outward:
                # Without a close frame moshi cannot have announced the end, so that is done here.
                await _close(socket, ended, announce=moshi.protocol.close_rcvd is None)
                return f"moshi ended it: {ended.code} {ended.reason!r}"
            await moshi.close(Code.GOING_AWAY)
            return "the client vanished"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


_SHUTTING_DOWN = Close(Code.GOING_AWAY, "the frontend is shutting down")


def is_allowed_origin(origin: str | None, host: str | None, allowed: tuple[str, ...]) -> bool:
    """Programs send no origin. A browser may come from the service's own page or from one that is listed."""
    return origin is None or origin in (f"http://{host}", f"https://{host}", *allowed)


async def _client_to_moshi(socket: WebSocket, moshi: ClientConnection) -> Close | None:
    """Until the client leaves: its close. None once moshi is gone."""
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await moshi.send(message["text"] if data is None else data)
    except ConnectionClosed:
        return None
    return Close(message["code"], message.get("reason") or "")


async def _moshi_to_client(moshi: ClientConnection, socket: WebSocket) -> Close | None:
    """Until moshi ends it: its close. None once the client is gone."""
    try:
        while True:
            message = await moshi.recv()
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return Close(Code.MOSHI_LOST, "the connection to moshi was lost; try again")
        return Close(closed.rcvd.code, closed.rcvd.reason)
    except WebSocketDisconnect:
        return None


async def _close(socket: WebSocket, close: Close, *, announce: bool = True) -> None:
    try:
        if announce and socket.query_params.get("protocol") == "2":
            await socket.send_bytes(close.announcement())
        await socket.close(close.code, close.reason)
    except WebSocketDisconnect:
        pass  # it left first
