"""Runs the app until a signal ends it."""

import signal
import socket

from fastapi import FastAPI

from moshi_backend.conversation.manager import Lobby
from moshi_backend.settings import Settings
from moshi_backend.telemetry import metrics
from moshi_service.listening import places as shared_places
from moshi_service.protocol import wire
from moshi_service.server import Server

SHUTDOWN_SECONDS = 3

RESERVED_DESCRIPTORS = 96
"""For the log, the model's files, downloads, the GPU, and telemetry."""

SPARE_CONNECTIONS = 64
"""Connections that there must be room for beside the clients who wait."""


def places(queue: int) -> int:
    """The number of connections that there is room for if `queue` clients may wait.

    Raises:
        StartupError: the limit of open files is too low.
    """
    return shared_places(
        "MOSHI_QUEUE", queue, descriptors_each=1, spare=SPARE_CONNECTIONS, reserved=RESERVED_DESCRIPTORS
    )


def serve(app: FastAPI, lobby: Lobby, bound: socket.socket, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, and return normally after either.

    SIGTERM leaves conversations the time that drains take, and the service answers meanwhile. SIGINT, from somebody at
    the keyboard, and a second signal leave them none.

    Raises:
        StartupError: the limit of open files is too low.
    """

    def on_signal(number: int, stopping: bool) -> None:
        if number == signal.SIGINT or stopping:
            lobby.hurry()

    server = Server(
        app,
        settings,
        places=places(settings.queue),
        dropped=metrics.DROPPED_CONNECTIONS,
        drain=lobby.drain,
        on_signal=on_signal,
        ws_max_size=wire.MESSAGE_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # uvicorn raises the signal once more when it is done, which would make an orderly end look like a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[bound])
