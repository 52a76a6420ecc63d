"""HTTP and WebSocket connections: uvicorn's protocols, with limits of rate and time."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, override

import h11
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from moshi_service.errors import conversations as errors
from moshi_service.network import gate
from moshi_service.network.addresses import plain
from moshi_service.network.connections import Connection, Stage
from moshi_service.network.gate import Gate, Meter

HEAD_BYTES = 64 * 1024
"""Of a request."""

REQUEST_SECONDS = 10.0
"""For a request to arrive, from when the connection is open or the previous answer is sent."""

RATE_SECONDS = 15.0
"""For a peer to come back to its rate. Until then it is only read more slowly."""

STALL_SECONDS = 20.0
"""For a peer to take what waits in the write buffer (64 KiB and one message)."""

CLOSE_SECONDS = 5.0
"""For a peer to take the last bytes of a connection that is being closed."""

ANSWER_SECONDS = 0.75
"""For a peer to answer a close frame after a message that is too long, or when the service stops. It is shorter than
the time that uvicorn then waits for connections."""

REQUEST_BYTES_PER_SECOND = 32 * 1024
"""Of requests on one connection, after `REQUEST_BURST` bytes at once."""

REQUEST_BURST = 128 * 1024

FRAMES_PER_SECOND = 200.0
"""WebSocket frames of one connection, after `FRAME_BURST` at once. Control frames and parts of messages count."""

FRAME_BURST = 400.0

MESSAGES_READ_AHEAD = 8
"""Messages that may wait for the application before the peer has to wait."""

_errors = logging.getLogger(__name__)
_errors.setLevel(logging.ERROR)
"""uvicorn warns of every request that is not HTTP. The client's answer says so; the log would only fill up."""

_CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def _plain(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """The peer's address as uvicorn compares it with the trusted proxies."""
    return client and (plain(client[0]), client[1])


class _Deadlines(asyncio.Protocol):
    """Notes since when the peer takes nothing, and since when the connection closes."""

    transport: asyncio.Transport
    _gate: Gate
    _stalled: float | None = None
    _closing: float | None = None

    def pause_writing(self) -> None:
        self._stalled = asyncio.get_running_loop().time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled = None
        super().resume_writing()

    def overdue(self, now: float) -> str | None:
        if self.transport.is_closing():
            self._closing = self._closing or now
            return "close" if now - self._closing > CLOSE_SECONDS else None
        if self._gate.seconds_over(now) > RATE_SECONDS:
            return "rate"
        return "stalled" if self._stalled is not None and now - self._stalled > STALL_SECONDS else None


class HttpProtocol(_Deadlines, H11Protocol):
    """A connection until it becomes a WebSocket. `message_bytes`: see `moshi_service.server.Server`."""

    def __init__(
        self,
        connection: Connection,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        message_bytes: Mapping[str, int],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = _errors
        self._message_bytes = message_bytes
        self._connection = connection
        self._waiting: float | None = self.loop.time()
        """Since when a request is awaited that is not complete."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.client = _plain(self.client)
        self._connection.protocol = self
        self._connection.end = transport.abort
        meter = Meter(REQUEST_BYTES_PER_SECOND, REQUEST_BURST)
        self._gate = Gate(transport, meter, gate.some_bytes, self._parse, self._is_ready)
        self.flow = _Flow(transport, self._gate)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.close()
        self._connection.leave()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._gate.receive(data)

    @override
    def overdue(self, now: float) -> str | None:
        if self._waiting is not None and now - self._waiting > REQUEST_SECONDS:
            return "request"
        return super().overdue(now)

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_stage()

    @override
    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if any(_CONTROL_CHARACTER.search(value) for _, value in event.headers):
            self._refuse(400, "A header has a control character.")
            return
        if any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in event.headers
        ):
            self._refuse(400, "A request for a WebSocket has no body.")
            return
        self.connections.discard(self)
        rest = self.conn.trailing_data[0] + self._gate.take()
        path = event.target.decode("ascii", "replace").partition("?")[0]
        most = self._message_bytes.get(path, self.config.ws_max_size)
        protocol = WebSocketProtocol(self._connection, self.config, self.server_state, self.app_state, most)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        headers = Headers([(name.decode(), value.decode("iso-8859-1")) for name, value in self.headers])
        version = f"HTTP/{event.http_version.decode()}"
        protocol.handle_connect(Request(event.target.decode(), headers, event.method.decode(), version))
        protocol.data_received(rest)

    @override
    def send_400_response(self, msg: str) -> None:
        if len(self.conn.trailing_data[0]) > HEAD_BYTES:
            self._refuse(431, f"The head of a request may have {HEAD_BYTES} bytes.")
        else:
            self._refuse(400, msg)

    def _refuse(self, status: int, words: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = words.encode() + b"\n"
            headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
            answer = h11.Response(
                status_code=status, headers=[*headers, ("connection", "close")], reason=STATUS_PHRASES[status]
            )
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        self._note_stage()

    def _is_ready(self) -> bool:
        return not self.flow.read_paused and not self.transport.is_closing()

    def _note_stage(self) -> None:
        if self.transport.get_protocol() is not self:
            return  # it has become a WebSocket
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self.cycle.more_body:
            self._waiting = None
        elif self._waiting is None:
            self._waiting = self.loop.time()
        self._connection.enter(Stage.REQUEST if answering else Stage.IDLE)


class _Flow(FlowControl):
    """Lets the gate decide whether the connection is read."""

    def __init__(self, transport: asyncio.Transport, doorway: Gate) -> None:
        super().__init__(transport)
        self._gate = doorway

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            # Later: uvicorn may be about to begin the next request.
            asyncio.get_running_loop().call_soon(self._gate.go_on)


class WebSocketProtocol(_Deadlines, WebSocketsSansIOProtocol):
    """A connection that was upgraded. Its request was parsed by h11, so that one set of limits holds. `max_size`: bytes
    of the longest message that the client may send."""

    def __init__(
        self,
        connection: Connection,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        max_size: int,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._connection = connection
        # This state at construction makes the parser expect frames, not a request.
        self.conn = ServerProtocol(state=State.OPEN, max_size=max_size, logger=self.logger)
        self.conn.state = State.CONNECTING

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.client = _plain(self.client)
        self._connection.protocol = self
        self._connection.enter(Stage.CONVERSATION)
        meter = Meter(FRAMES_PER_SECOND, FRAME_BURST)
        self._gate = Gate(self.transport, meter, gate.frame, super().data_received, self._is_ready)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.close()
        self._connection.leave()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._gate.receive(data)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._gate.go_on()

    @override
    def send_receive_event_to_app(self) -> None:
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            # uvicorn would log a traceback. The client's close code says the same.
            self.frames = []
            if not self.close_sent:
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    @override
    def handle_parser_exception(self) -> None:
        """Send the close frame, and discard for a moment what still comes.

        If the socket closed while the peer sends the rest of its message, the connection would be reset, and the peer
        would lose the close frame.
        """
        if self.close_sent:
            return
        close = self.conn.close_sent
        assert close is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.close_timer = self.loop.call_later(ANSWER_SECONDS, self.transport.close)

    @override
    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        self.read_paused = False
        self._gate.go_on()
        return message

    @override
    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # uvicorn would log an error, as if the application had not answered
        self._gate.go_on()

    @override
    def keepalive_timeout(self) -> None:
        """As uvicorn's, whose reason would be `keepalive ping timeout`: the page shows the reason to a person.

        A peer that sends sound faster than it may has to wait, and its pong waits behind the sound. So it counts as
        alive while its bytes are taken, or while the application lets its messages wait.
        """
        assert self.ping_timeout is not None
        now = self.loop.time()
        waits = self.queue.qsize() >= MESSAGES_READ_AHEAD
        until = (now if waits else self._gate.parsed_at) + self.ping_timeout
        if until > now and not self.close_sent:
            self.pong_timer = self.loop.call_at(until, self.keepalive_timeout)
            return
        self.pong_timer = self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(CloseCode.INTERNAL_ERROR, errors.pings_unanswered().text)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def shutdown(self) -> None:
        """End the connection when the service stops.

        A peer that was sent a close frame may answer it first. If its socket closed while it still sends audio, the
        connection would be reset, and a peer that reads slowly would lose the last messages and the close code.
        """
        if self.close_timer is not None:
            self.stop_keepalive()
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)
        elif self.handshake_complete and self.conn.state is not State.OPEN:
            self.transport.close()  # uvicorn fails on one that is closing already
        else:
            super().shutdown()

    def _is_ready(self) -> bool:
        return (
            self.handshake_complete
            and (self.close_sent or self.queue.qsize() < MESSAGES_READ_AHEAD)  # then messages are discarded
            and self.writable.is_set()
            and not self.transport.is_closing()
        )
