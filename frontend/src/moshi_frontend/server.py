"""Run the service under uvicorn: an orderly end above all."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn

from moshi_frontend import proxy
from moshi_frontend.app import Service
from moshi_frontend.listening import certificate, places
from moshi_frontend.network.addresses import Networks
from moshi_frontend.network.connections import Connections
from moshi_frontend.network.protocols import HEAD_BYTES
from moshi_frontend.network.serving import LimitedServer
from moshi_frontend.proxy import Proxy
from moshi_frontend.renewal import keep_current
from moshi_frontend.settings import Settings
from moshi_frontend.tls import Certificate

LEFT_OVERS_SECONDS = 1
"""What requests and sockets get after the conversations have been ended."""


class Server(LimitedServer):
    """Tells conversations that the service goes away, instead of cutting them off."""

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        conversations: Proxy,
        find: Callable[[], Certificate | None],
    ) -> None:
        super().__init__(config, connections)
        self._conversations = conversations
        self._find = find

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Every end takes two seconds at most, so a second signal changes nothing. uvicorn would skip the end of the
        app then, which logs a traceback."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.config.ssl is not None:
            self._renewal = asyncio.create_task(keep_current(self.config.ssl, self._find))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._conversations.drain()
        await super().shutdown(sockets)


def create_server(service: Service, settings: Settings) -> Server:
    """
    Raises:
        StartupError: the limit of open files is too low.
    """
    proxies = Networks(settings.trusted_proxies)
    connections = Connections(places(settings.max_connections), proxies)
    tls = certificate(settings)
    config = uvicorn.Config(
        service.app,
        ws="websockets-sansio",
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws_max_size=proxy.MESSAGE_BYTES_FROM_CLIENT,
        ws_per_message_deflate=False,  # Opus does not compress further
        ws_ping_interval=proxy.PING_SECONDS,
        ws_ping_timeout=proxy.PONG_SECONDS,
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=proxies.for_uvicorn,
        timeout_graceful_shutdown=LEFT_OVERS_SECONDS,
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return Server(config, connections, service.proxy, partial(certificate, settings))


def serve(service: Service, bound: socket.socket, settings: Settings) -> None:
    """Until SIGINT or SIGTERM."""
    create_server(service, settings).run(sockets=[bound])
