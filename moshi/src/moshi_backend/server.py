"""Run the app under uvicorn: a socket of our own, an orderly end."""

import signal
import socket

import uvicorn
from fastapi import FastAPI

from moshi_backend import protocol
from moshi_backend.engine import Engine
from moshi_backend.tls import Certificate

SHUTDOWN_SECONDS = 3


class _Server(uvicorn.Server):
    """Tells conversations that the service goes away, instead of cutting them off."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._engine.drain()
        await self._engine.idle(SHUTDOWN_SECONDS)
        await super().shutdown(sockets)


def serve(app: FastAPI, engine: Engine, bound: socket.socket, tls: Certificate | None) -> None:
    """Until SIGINT or SIGTERM; returns normally after either."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=protocol.MESSAGE_BYTES,
        ws_per_message_deflate=False,  # Opus does not compress further
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    # uvicorn raises the signal once more when it is done, which would make an orderly end look like a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _Server(config, engine).run(sockets=[bound])
