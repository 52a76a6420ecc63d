"""Passes conversations on to moshi, so that a client needs to accept one certificate only."""

import asyncio
import logging
import time
from itertools import count

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from moshi_frontend.closing import CloseFrame
from moshi_frontend.doors import Door
from moshi_frontend.errors import conversations as errors
from moshi_frontend.moshi_connection import MoshiConnection, Upgrade, reach
from moshi_frontend.placement import NotPlaced, Placement
from moshi_frontend.relay import CLOSE_SECONDS, Relay
from moshi_frontend.replica import Replica
from moshi_frontend.settings import Settings
from moshi_frontend.telemetry import metrics
from moshi_frontend.trust import Trust
from moshi_service.errors import conversations as shared_errors
from moshi_service.hosts import wrong_host
from moshi_service.limiter import ConnectionLimiter
from moshi_service.origins import is_allowed_host, is_allowed_origin
from moshi_service.protocol.openai.common import SUBPROTOCOL
from moshi_service.protocol.openai.refusals import HttpRefusal
from moshi_service.protocol.upgrade import TRIAL_HEADER, Trial
from moshi_service.protocol.wire import CloseCode

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_frontend")

MESSAGE_BYTES_FROM_CLIENT = 64 * 1024
MESSAGE_BYTES_FROM_MOSHI = 1024 * 1024
MESSAGES_READ_AHEAD = 8
PING_SECONDS = 5.0
"""Between pings, both ways; the network of a client may be gone without a word."""
PONG_SECONDS = 15.0
LEAVE_SECONDS = 3 * CLOSE_SECONDS
"""In which the last clients must take their close frame."""


class Proxy:
    """The conversations that are under way."""

    def __init__(self, settings: Settings, placement: Placement, trust: Trust, hosts: frozenset[str]) -> None:
        """`hosts`: public names by which the service may be called."""
        self._hosts = hosts
        self._allowed_origins = settings.allowed_origins
        self._limit = settings.max_connections
        self._limiter = ConnectionLimiter(settings.connections_per_address, settings.connects_per_minute)
        self._headers = settings.authorization()
        self._placement = placement
        self._trust = trust
        self._drain_seconds = settings.drain_seconds
        self._conversations: set[asyncio.Task[None]] = set()
        self._relays: set[Relay] = set()
        self._draining = False
        self._drained_at = 0.0
        self._hurry = asyncio.Event()
        self._numbers = count(1)

    async def serve(self, socket: WebSocket, door: Door) -> None:
        """Until either side ends it. `door`: the way by which the client comes in."""
        with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER):
            try:
                await door.knock(socket)
            except HttpRefusal as refusal:
                _note(refusal.cause, refusal.problem.text)
                await socket.send_denial_response(refusal.response())
                return
            if refused := self._refusal(socket):
                await _refuse(socket, door, *refused)
                return
            address = socket.client.host if socket.client else ""
            if (limit := self._limiter.enter(address)) is not None:
                frame = CloseFrame.of(CloseCode.TRY_LATER, limit.problem, limit.retry_after)
                await _refuse(socket, door, "address", frame)
                return
            conversation = asyncio.create_task(self._converse(socket, door))
            self._conversations.add(conversation)
            try:
                await conversation
            finally:
                self._conversations.discard(conversation)
                self._limiter.leave(address)

    async def drain(self) -> None:
        """Take no new conversation, let the others end within the time of a drain, and then end them with 1001.
        Returns when they have ended, or will not."""
        self._draining = True
        self._drained_at = time.monotonic() + self._drain_seconds
        if self._conversations and (left := self._left()):
            log.info("draining: %d conversations, at most %g s", self.active, left)
            await asyncio.gather(*(relay.warn(left) for relay in self._relays))
            hurry = asyncio.create_task(self._hurry.wait())
            while self._conversations and (left := self._left()):
                waiting = {*self._conversations, hurry}
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
        for relay in self._relays:
            relay.end()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=LEAVE_SECONDS)

    def _left(self) -> float:
        """Seconds that a drain leaves the conversations."""
        return 0.0 if self._hurry.is_set() else max(0.0, self._drained_at - time.monotonic())

    def hurry(self) -> None:
        """Leave the conversations no time, also if draining has begun."""
        self._hurry.set()

    @property
    def is_draining(self) -> bool:
        """Whether the service takes no new conversation, because it stops."""
        return self._draining

    @property
    def active(self) -> int:
        """Conversations that are under way."""
        return len(self._conversations)

    def _refusal(self, socket: WebSocket) -> tuple[str, CloseFrame] | None:
        """For the metric, and for the client."""
        host, origin = socket.headers.get("host"), socket.headers.get("origin")
        if not is_allowed_host(host, self._hosts):
            return "host", CloseFrame.of(CloseCode.NOT_ALLOWED, wrong_host(host, "FRONTEND_ALLOWED_HOSTS"))
        if not is_allowed_origin(origin, host, self._allowed_origins):
            problem = shared_errors.origin_not_allowed(origin, "FRONTEND_ALLOWED_ORIGINS")
            return "origin", CloseFrame.of(CloseCode.NOT_ALLOWED, problem)
        if self._draining:
            return "draining", CloseFrame.of(CloseCode.TRY_LATER, errors.frontend_draining())
        if len(self._conversations) >= self._limit:
            return "full", CloseFrame.of(CloseCode.TRY_LATER, errors.frontend_full(self._limit))
        return None

    async def _converse(self, socket: WebSocket, door: Door) -> None:
        async def open_(replica: Replica, trial: Trial, seconds: float) -> ClientConnection:
            return await self._connect(replica, trial, seconds, socket, door)

        try:
            placed = await self._placement.place(open_)
        except NotPlaced as refused:
            log.warning(errors.no_conversation(refused.problem))
            _note(refused.cause, refused.close.text)
            await door.refuse(socket, refused.clients_cause, refused.close)
            return
        try:
            await door.enter(socket, placed.connection.subprotocol)
        except BaseException:
            await placed.connection.close(CloseCode.GOING_AWAY)
            raise
        span = trace.get_current_span()
        number = next(self._numbers)
        log.info("conversation %d: begins, with moshi at %s", number, placed.replica.endpoint)
        began = time.monotonic()
        relay = Relay(socket, door, placed, self._placement, open_)
        self._relays.add(relay)
        try:
            if self._draining:  # it was on its way when the drain began
                if left := self._left():
                    await relay.warn(left)
                else:
                    relay.end()
            end, ended = await relay.run()
        finally:
            self._relays.discard(relay)
        metrics.DURATION.record(time.monotonic() - began, {"end": end})
        span.set_attributes(
            {"frontend.end": end, "frontend.end.detail": ended, "server.address": str(relay.placed.replica.endpoint)}
        )
        log.info("conversation %d: ends, %s", number, ended)

    async def _connect(
        self, replica: Replica, trial: Trial, seconds: float, socket: WebSocket, door: Door
    ) -> ClientConnection:
        endpoint, query = replica.endpoint, socket.url.query
        headers = self._headers | {TRIAL_HEADER: trial.value}
        offered = [Subprotocol(name) for name in socket.scope.get("subprotocols", ()) if name == SUBPROTOCOL]
        inject(headers)  # our span or, without telemetry, the client's
        context = self._trust.context() if endpoint.is_tls else None
        sock = await reach(endpoint)
        try:
            return await Upgrade(
                endpoint.socket_url(door.path) + (f"?{query}" if query else ""),
                create_connection=MoshiConnection,
                ssl=context,
                additional_headers=headers,
                subprotocols=offered or None,
                compression=None,
                proxy=None,
                max_size=MESSAGE_BYTES_FROM_MOSHI,
                max_queue=MESSAGES_READ_AHEAD,
                open_timeout=seconds,
                close_timeout=CLOSE_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PONG_SECONDS,
                sock=sock,
            )
        except BaseException:
            sock.close()
            raise


async def _refuse(socket: WebSocket, door: Door, cause: str, frame: CloseFrame) -> None:
    _note(cause, frame.text)
    await door.refuse(socket, cause, frame)


def _note(cause: str, detail: str) -> None:
    """Count a refusal."""
    metrics.REFUSED.add(1, {"reason": cause})
    trace.get_current_span().set_attributes({"frontend.refused": cause, "frontend.refused.detail": detail})
