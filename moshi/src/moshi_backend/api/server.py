"""Runs the app until a signal ends it."""

import signal
import socket

from fastapi import FastAPI

from moshi_backend.conversation.manager import SessionManager
from moshi_backend.settings import Settings
from moshi_backend.telemetry import metrics
from moshi_service.listening import places as shared_places
from moshi_service.protocol import wire
from moshi_service.protocol.openai import common as openai
from moshi_service.server import Server

SHUTDOWN_SECONDS = 3
"""Seconds that uvicorn gives connections after the drain."""

RESERVED_DESCRIPTORS = 96
"""File descriptors for the log, the model's files, downloads, the GPU, and telemetry."""

SPARE_CONNECTIONS = 64
"""Connections that must find room beside the waiting clients."""


def places(queue: int) -> int:
    """The number of connections that the limit of open files allows if `queue` clients may wait.

    Raises:
        StartupError: the limit of open files is too low.
    """
    return shared_places(
        "MOSHI_QUEUE", queue, descriptors_each=1, spare=SPARE_CONNECTIONS, reserved=RESERVED_DESCRIPTORS
    )


def serve(app: FastAPI, manager: SessionManager, bound: socket.socket, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, and return normally after either.

    After SIGTERM live conversations have the time of a drain, and the service answers meanwhile. After SIGINT (Ctrl-C)
    or a second signal they have none.

    Raises:
        StartupError: the limit of open files is too low.
    """

    def on_signal(number: int, stopping: bool) -> None:
        if number == signal.SIGINT or stopping:
            manager.hurry()

    server = Server(
        app,
        settings,
        places=places(settings.queue),
        dropped=metrics.DROPPED_CONNECTIONS,
        drain=manager.drain,
        on_signal=on_signal,
        ws_max_size=wire.MESSAGE_BYTES,
        message_bytes=dict.fromkeys(openai.PATHS_OF_SOCKETS, openai.MESSAGE_BYTES),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server.run(sockets=[bound])
