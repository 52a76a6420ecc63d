"""uvicorn, with listening sockets that have limits."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import override

import uvicorn
from starlette.types import ASGIApp

from moshi_service.network.accepting import Acceptor
from moshi_service.network.connections import Connections
from moshi_service.network.protocols import HttpProtocol

SWEEP_SECONDS = 1.0


class LimitedServer(uvicorn.Server):
    """Args:
    connections: the table of connections, of which it makes the only use.
    message_bytes, plain: see `moshi_service.server.Server`.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        message_bytes: Mapping[str, int] | None = None,
        plain: ASGIApp | None = None,
    ) -> None:
        super().__init__(config)
        self._plain = plain
        self._message_bytes = message_bytes or {}
        self._connections = connections
        self._acceptors: list[Acceptor] = []

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("asyncio").addFilter(_is_not_of_a_lost_peer)
        await super().startup([])  # without asyncio's servers
        protocol = partial(
            HttpProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            message_bytes=self._message_bytes,
        )
        plain = partial(protocol, config=_with_app(self.config, self._plain)) if self._plain else None
        self._acceptors = [Acceptor(one, self._connections, protocol, self.config.ssl, plain) for one in sockets or []]
        self._sweeper = asyncio.create_task(self._sweep())

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)
        self._sweeper.cancel()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._connections.sweep(loop.time())


def _with_app(config: uvicorn.Config, app: ASGIApp) -> uvicorn.Config:
    other = copy(config)
    other.loaded_app = app
    return other


def _is_not_of_a_lost_peer(record: logging.LogRecord) -> bool:
    """asyncio warns of each write after the peer is gone. Over TLS a protocol learns that only later."""
    return record.msg != "socket.send() raised exception."
