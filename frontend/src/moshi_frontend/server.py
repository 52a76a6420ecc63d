"""Run the service under uvicorn: an orderly end above all."""

import socket

import uvicorn

from moshi_frontend import proxy
from moshi_frontend.app import Service
from moshi_frontend.proxy import Proxy
from moshi_frontend.tls import Certificate

LEFT_OVERS_SECONDS = 1
"""What requests and sockets get after the conversations have been ended."""


class Server(uvicorn.Server):
    """Tells conversations that the service goes away, instead of cutting them off."""

    def __init__(self, config: uvicorn.Config, conversations: Proxy) -> None:
        super().__init__(config)
        self._conversations = conversations

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._conversations.drain()
        await super().shutdown(sockets)


def create_server(service: Service, tls: Certificate | None = None, trusted_proxies: str = "") -> Server:
    config = uvicorn.Config(
        service.app,
        ws="websockets-sansio",
        ws_max_size=proxy.MESSAGE_BYTES_FROM_CLIENT,
        ws_per_message_deflate=False,  # Opus does not compress further
        ws_ping_interval=proxy.PING_SECONDS,
        ws_ping_timeout=proxy.PONG_SECONDS,
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=trusted_proxies,
        timeout_graceful_shutdown=LEFT_OVERS_SECONDS,
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return Server(config, service.proxy)


def serve(service: Service, bound: socket.socket, tls: Certificate | None, trusted_proxies: str = "") -> None:
    """Until SIGINT or SIGTERM, which uvicorn raises once more when it is done."""
    create_server(service, tls, trusted_proxies).run(sockets=[bound])
