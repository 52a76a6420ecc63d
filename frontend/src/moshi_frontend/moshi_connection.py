"""The frontend's WebSocket towards moshi."""

import asyncio
import socket
from contextlib import suppress
from typing import override

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_service.network import gate
from moshi_service.network.gate import Gate, Meter

CONNECT_SECONDS = 1.0
"""For the addresses of one name together, before TLS. An address that is gone does not even refuse a connection."""


async def reach(endpoint: Endpoint) -> socket.socket:
    """A connected socket.

    Raises:
        OSError: nobody answers there, or the name is not known.
    """
    loop = asyncio.get_running_loop()
    host, port = endpoint.address or (endpoint.host, endpoint.port)
    async with asyncio.timeout(CONNECT_SECONDS):
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:  # of a part of the name that is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, errors.dns_name_impossible().text) from None
    error: OSError = TimeoutError()
    for family, kind, protocol, _, address in found:
        try:
            sock = socket.socket(family, kind, protocol)
            return await _connected(sock, address, CONNECT_SECONDS / len(found))
        except OSError as failure:  # of IPv6, for example, where only IPv4 leads there
            error = failure
    raise error


async def _connected(sock: socket.socket, address: tuple[object, ...], seconds: float) -> socket.socket:
    sock.setblocking(False)
    try:
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


class Upgrade(connect):
    """The request for a conversation. It follows no redirect, because a server that redirects is not moshi."""

    @override
    def process_redirect(self, exc: Exception) -> Exception | str:
        """The answer as it is."""
        return exc


class MoshiConnection(ClientConnection):
    """Parses a few of moshi's frames at a time, so that one conversation does not hold the event loop. moshi is
    trusted, so its rate is not limited."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        meter = Meter(float("inf"), 1)
        self._gate = Gate(self.transport, meter, self._cut, super().data_received, self._is_ready)
        self.recv_messages.resume = self._gate.go_on

    @override
    def data_received(self, data: bytes) -> None:
        self._gate.receive(data)

    @override
    def eof_received(self) -> None:
        if rest := self._gate.take():  # over TLS the end arrives although reading is paused
            super().data_received(rest)
        super().eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.close()
        super().connection_lost(exc)

    @override
    async def keepalive(self) -> None:
        """As the library's, but moshi is alive while anything comes from it: a ping may wait behind sound that the
        client sent faster than moshi takes it."""
        assert self.ping_interval is not None
        assert self.ping_timeout is not None
        while True:
            await asyncio.sleep(self.ping_interval)
            pinged = self.loop.time()
            answer = asyncio.create_task(self._answer_to_a_ping())
            try:
                while not answer.done():
                    left = max(pinged, self._gate.parsed_at) + self.ping_timeout - self.loop.time()
                    if left <= 0:
                        self.transport.abort()  # a close frame would wait as the ping does
                        return
                    await asyncio.wait({answer}, timeout=left)
            finally:
                answer.cancel()

    async def _answer_to_a_ping(self) -> None:
        with suppress(ConnectionClosed):
            await (await self.ping())

    def _cut(self, pending: bytearray) -> tuple[int, float] | None:
        """The next frame, or while the answer to the upgrade is not complete, its next line."""
        return gate.line(pending) if self.protocol.state is State.CONNECTING else gate.frame(pending)

    def _is_ready(self) -> bool:
        return not self.recv_messages.paused
