"""Passes conversations on to moshi, so that a client needs to accept one certificate only.

Messages are never looked at. Nothing is queued beyond what the two sockets hold: whoever reads slowly slows
the other side's sender down, and moshi decides when that is too slow.
"""

import asyncio
import logging
import time
from contextlib import suppress
from itertools import count

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from moshi_frontend.closing import CloseFrame
from moshi_frontend.discovery import Endpoint
from moshi_frontend.doors import Door
from moshi_frontend.moshi_connection import MoshiConnection
from moshi_frontend.replicas import Replicas
from moshi_frontend.schemes import explain_at
from moshi_frontend.settings import Settings
from moshi_frontend.telemetry import metrics
from moshi_frontend.trust import Trust
from moshi_service.hosts import wrong_host
from moshi_service.limiter import ConnectionLimiter
from moshi_service.origins import is_allowed_host, is_allowed_origin
from moshi_service.protocol.openai.common import SUBPROTOCOL
from moshi_service.protocol.openai.refusals import HttpRefusal
from moshi_service.protocol.wire import CloseCode

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_frontend")

MESSAGE_BYTES_FROM_CLIENT = 64 * 1024
MESSAGE_BYTES_FROM_MOSHI = 1024 * 1024
MESSAGES_READ_AHEAD = 8
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 0.25
PING_SECONDS = 5.0
"""Between pings, both ways; the network of a client may be gone without a word."""
PONG_SECONDS = 15.0
DRAIN_SECONDS = 3 * CLOSE_SECONDS


class Proxy:
    """The conversations that are under way."""

    def __init__(self, settings: Settings, replicas: Replicas, trust: Trust, hosts: frozenset[str]) -> None:
        """`hosts`: public names by which the service may be called."""
        self._hosts = hosts
        self._allowed_origins = settings.allowed_origins
        self._limit = settings.max_connections
        self._limiter = ConnectionLimiter(settings.connections_per_address, settings.connects_per_minute)
        self._headers = settings.authorization()
        self._replicas = replicas
        self._trust = trust
        self._conversations: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()
        self._numbers = count(1)

    async def serve(self, socket: WebSocket, door: Door) -> None:
        """Until either side ends it. `door`: the way by which the client comes in."""
        with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER):
            try:
                await door.knock(socket)
            except HttpRefusal as refusal:
                _note(refusal.cause, str(refusal))
                await socket.send_denial_response(refusal.response())
                return
            if refused := self._refusal(socket):
                await _refuse(socket, door, *refused)
                return
            address = socket.client.host if socket.client else ""
            if (limit := self._limiter.enter(address)) is not None:
                close = CloseFrame(CloseCode.TRY_LATER, limit.reason, limit.retry_after)
                await _refuse(socket, door, "address", close)
                return
            conversation = asyncio.create_task(self._converse(socket, door))
            self._conversations.add(conversation)
            try:
                await conversation
            finally:
                self._conversations.discard(conversation)
                self._limiter.leave(address)

    async def drain(self) -> None:
        """End every conversation with 1001. Returns when they have ended, or will not."""
        self._draining.set()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=DRAIN_SECONDS)

    @property
    def active(self) -> int:
        return len(self._conversations)

    def _refusal(self, socket: WebSocket) -> tuple[str, CloseFrame] | None:
        """For the metric, and for the client."""
        host, origin = socket.headers.get("host"), socket.headers.get("origin")
        if not is_allowed_host(host, self._hosts):
            return "host", CloseFrame(CloseCode.NOT_ALLOWED, wrong_host(host, "FRONTEND_ALLOWED_HOSTS"))
        if not is_allowed_origin(origin, host, self._allowed_origins):
            return "origin", CloseFrame(CloseCode.NOT_ALLOWED, f"origin {origin} is not in FRONTEND_ALLOWED_ORIGINS")
        if self._draining.is_set():
            return "draining", _SHUTTING_DOWN
        if len(self._conversations) >= self._limit:
            return "full", CloseFrame(
                CloseCode.TRY_LATER, f"full: every connection is in use ({self._limit}); try again soon"
            )
        return None

    async def _converse(self, socket: WebSocket, door: Door) -> None:
        endpoint = self._replicas.best().endpoint
        span = trace.get_current_span()
        span.set_attribute("server.address", endpoint.url)
        try:
            moshi = await self._connect(endpoint, socket, door)
        except (OSError, InvalidHandshake, InvalidMessage) as error:
            if isinstance(error, InvalidStatus) and await door.pass_on(socket, error):
                _note("moshi", str(error))
                return
            reason = f"moshi is not reachable at {endpoint.url}: {await explain_at(endpoint, error)}"
            log.warning("no conversation: %s", reason)
            await _refuse(socket, door, "unreachable", CloseFrame(CloseCode.TRY_LATER, reason))
            return
        number = next(self._numbers)
        log.info("conversation %d: begins, with moshi at %s", number, endpoint.url)
        span.add_event("connected to moshi")
        began = time.monotonic()
        async with moshi:
            await door.enter(socket, moshi.subprotocol)
            end, ended = await self._relay(socket, moshi, door)
        metrics.DURATION.record(time.monotonic() - began, {"end": end})
        span.set_attributes({"frontend.end": end, "frontend.end.detail": ended})
        log.info("conversation %d: ends, %s", number, ended)

    async def _connect(self, endpoint: Endpoint, socket: WebSocket, door: Door) -> ClientConnection:
        query = f"?{socket.url.query}" if socket.url.query else ""
        headers = dict(self._headers)
        inject(headers)  # our span or, without telemetry, the client's
        return await connect(
            endpoint.socket_url(door.path) + query,
            create_connection=MoshiConnection,
            ssl=self._trust.context() if endpoint.is_tls else None,
            additional_headers=headers,
            subprotocols=[Subprotocol(SUBPROTOCOL)] if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None,
            compression=None,
            proxy=None,
            max_size=MESSAGE_BYTES_FROM_MOSHI,
            max_queue=MESSAGES_READ_AHEAD,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
        )

    async def _relay(self, socket: WebSocket, moshi: ClientConnection, door: Door) -> tuple[str, str]:
        """Pass messages both ways until a side ends, then end the other. Says who ended it, and how."""
        inward = asyncio.create_task(_client_to_moshi(socket, moshi))
        outward = asyncio.create_task(_moshi_to_client(moshi, socket))
        draining = asyncio.create_task(self._draining.wait())
        tasks = (inward, outward, draining)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                with suppress(TimeoutError):  # of one that reads nothing any more
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await _close(socket, _SHUTTING_DOWN, announce=door.announces(socket))
                await moshi.close(CloseCode.GOING_AWAY, _SHUTTING_DOWN.reason)
                return "frontend", _SHUTTING_DOWN.reason
            if inward.done() and (left := inward.result()):
                await moshi.close(left.code, left.reason)
                return "client", f"the client left: {left.code} {left.reason!r}"
            if ended := await outward:
                # Without a close frame moshi cannot have announced the end, so that is done here.
                await _close(socket, ended, announce=door.announces(socket) and moshi.protocol.close_rcvd is None)
                who = "lost" if ended.code == CloseCode.MOSHI_LOST else "moshi"
                return who, f"moshi ended it: {ended.code} {ended.reason!r}"
            await moshi.close(CloseCode.GOING_AWAY)
            return "client", "the client vanished"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


_SHUTTING_DOWN = CloseFrame(CloseCode.GOING_AWAY, "the frontend is shutting down")


async def _client_to_moshi(socket: WebSocket, moshi: ClientConnection) -> CloseFrame | None:
    """Until the client leaves: its close. None once moshi is gone."""
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            data = message["text"] if data is None else data
            metrics.IO.add(len(data), {"direction": "to_moshi"})
            await moshi.send(data)
    except ConnectionClosed:
        return None
    return CloseFrame(message["code"], message.get("reason") or "")


async def _moshi_to_client(moshi: ClientConnection, socket: WebSocket) -> CloseFrame | None:
    """Until moshi ends it: its close. None once the client is gone."""
    try:
        while True:
            message = await moshi.recv()
            metrics.IO.add(len(message), {"direction": "to_client"})
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return CloseFrame(CloseCode.MOSHI_LOST, "the connection to moshi was lost; try again")
        return CloseFrame(closed.rcvd.code, closed.rcvd.reason)
    except WebSocketDisconnect:
        return None


async def _refuse(socket: WebSocket, door: Door, cause: str, close: CloseFrame) -> None:
    _note(cause, close.text)
    await door.refuse(socket, cause, close)


def _note(cause: str, detail: str) -> None:
    """Count a refusal."""
    metrics.REFUSED.add(1, {"reason": cause})
    trace.get_current_span().set_attributes({"frontend.refused": cause, "frontend.refused.detail": detail})


async def _close(socket: WebSocket, close: CloseFrame, *, announce: bool) -> None:
    try:
        if announce:
            await socket.send_bytes(close.announcement())
        await socket.close(close.code, close.text)
    except WebSocketDisconnect:
        pass  # it left first
