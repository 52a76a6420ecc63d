"""Takes connections from a listening socket, within the limits of the table."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial

from moshi_service.errors import conversations as errors
from moshi_service.network.connections import Connection, Connections

ACCEPTS_AT_ONCE = 16
"""Connections that are taken before others get their turn."""

HANDSHAKE_SECONDS = 10.0
"""For TLS."""

TLS_HANDSHAKE = b"\x16"
"""The first byte of TLS, with which no HTTP request begins."""

GOODBYE_SECONDS = 5.0
"""For the end of TLS."""

RETRY_SECONDS = 0.25
"""Until connections are taken again, when the system has no descriptor or memory for one."""

_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """In place of asyncio's own server, which has no limit, and logs every connection that finds no descriptor."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        protocol: Callable[[Connection], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        plain: Callable[[Connection], asyncio.Protocol] | None = None,
    ) -> None:
        """
        Args:
            plain: for a peer that does not begin with TLS, where `tls` is given. Without it, such a peer is dropped.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connections = connections
        self._protocol = protocol
        self._tls = tls
        self._plain = plain
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._start()

    def close(self) -> None:
        """Take no more connections. The socket stays open."""
        self._loop.remove_reader(self._listener.fileno())
        if self._retry is not None:
            self._retry.cancel()
        for task in self._opening:
            task.cancel()

    def _start(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            try:
                taken, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._connections.note_full(self._loop.time(), errors.cannot_accept(error.strerror))
                    self._connections.drop_idle()
                    self._loop.remove_reader(self._listener.fileno())
                    self._retry = self._loop.call_later(RETRY_SECONDS, self._start)
                    return
                continue  # the peer has gone already
            if (connection := self._connections.admit(address[0], self._loop.time())) is None:
                taken.close()
                continue
            opening = self._loop.create_task(self._open(taken, connection))
            connection.end = opening.cancel
            self._opening.add(opening)
            opening.add_done_callback(partial(self._opened, taken, connection))

    async def _open(self, taken: socket.socket, connection: Connection) -> None:
        """Until the protocol has the connection, which may be after a TLS handshake.

        Raises:
            OSError: of the network or of TLS, or the handshake took too long.
        """
        protocol, tls = self._protocol, self._tls
        if tls and self._plain and await self._first_byte(taken) not in (TLS_HANDSHAKE, b""):
            protocol, tls = self._plain, None
        await self._loop.connect_accepted_socket(
            partial(protocol, connection),
            taken,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
            ssl_shutdown_timeout=GOODBYE_SECONDS if tls else None,
        )

    async def _first_byte(self, taken: socket.socket) -> bytes:
        """Left in the socket. Empty if the peer has closed.

        Raises:
            OSError: of the network, or nothing came in the time for a handshake.
        """
        taken.setblocking(False)
        readable = asyncio.Event()
        self._loop.add_reader(taken.fileno(), readable.set)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await readable.wait()
            return taken.recv(1, socket.MSG_PEEK)
        finally:
            self._loop.remove_reader(taken.fileno())

    def _opened(self, taken: socket.socket, connection: Connection, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        error = None if opening.cancelled() else opening.exception()
        if opening.cancelled() or error is not None:
            connection.leave()
            taken.close()
        if error is not None and not isinstance(error, OSError):
            raise error
