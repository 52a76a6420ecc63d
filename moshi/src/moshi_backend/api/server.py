"""Run the app under uvicorn: a socket of our own, an orderly end."""

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from moshi_backend.conversation.manager import Lobby
from moshi_backend.listening import certificate, places
from moshi_backend.network.addresses import Networks
from moshi_backend.network.connections import Connections
from moshi_backend.network.protocols import HEAD_BYTES
from moshi_backend.network.serving import LimitedServer
from moshi_backend.protocol import wire as protocol
from moshi_backend.renewal import keep_current
from moshi_backend.settings import Settings
from moshi_backend.tls import Certificate

SHUTDOWN_SECONDS = 3


class _Server(LimitedServer):
    """Lets conversations end, instead of cutting them off: SIGTERM leaves them the time that drains take, and the
    service answers meanwhile; SIGINT, from somebody at the keyboard, and a second signal leave them none."""

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        lobby: Lobby,
        find: Callable[[], Certificate | None],
    ) -> None:
        super().__init__(config, connections)
        self._lobby = lobby
        self._find = find

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT or self.should_exit:
            self._lobby.hurry()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.config.ssl is not None:
            self._renewal = asyncio.create_task(keep_current(self.config.ssl, self._find))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._lobby.drain()
        await super().shutdown(sockets)


def serve(app: FastAPI, lobby: Lobby, bound: socket.socket, settings: Settings) -> None:
    """Until SIGINT or SIGTERM; returns normally after either.

    Raises:
        StartupError: the limit of open files is too low.
    """
    proxies = Networks(settings.trusted_proxies)
    connections = Connections(places(settings.queue), proxies)
    tls = certificate(settings)
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws_max_size=protocol.MESSAGE_BYTES,
        ws_per_message_deflate=False,  # Opus does not compress further
        access_log=False,
        log_config=None,
        forwarded_allow_ips=proxies.for_uvicorn,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    # uvicorn raises the signal once more when it is done, which would make an orderly end look like a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _Server(config, connections, lobby, partial(certificate, settings)).run(sockets=[bound])
