"""Runs the service until a signal ends it."""

import signal
import socket

from moshi_frontend import proxy
from moshi_frontend.app import Service
from moshi_frontend.settings import Settings
from moshi_frontend.telemetry import metrics
from moshi_service.listening import places as shared_places
from moshi_service.protocol.openai import common as openai
from moshi_service.server import Server

SHUTDOWN_SECONDS = 1
"""For requests and sockets after the conversations have been ended."""

RESERVED_DESCRIPTORS = 64
"""For the log, certificates, health checks of moshi, and telemetry."""

SPARE_CONNECTIONS = 32
"""Connections that there must be room for beside the conversations."""


def places(conversations: int) -> int:
    """The number of connections that there is room for. A conversation needs a second descriptor, towards moshi.

    Raises:
        StartupError: the limit of open files is too low.
    """
    return shared_places(
        "FRONTEND_MAX_CONNECTIONS",
        conversations,
        descriptors_each=2,
        spare=SPARE_CONNECTIONS,
        reserved=RESERVED_DESCRIPTORS,
    )


def create_server(service: Service, settings: Settings) -> Server:
    """
    Raises:
        StartupError: the limit of open files is too low.
    """

    def on_signal(number: int, stopping: bool) -> None:
        if number == signal.SIGINT or stopping:
            service.proxy.hurry()

    return Server(
        service.app,
        settings,
        places=places(settings.max_connections),
        dropped=metrics.DROPPED_CONNECTIONS,
        drain=service.proxy.drain,
        on_signal=on_signal,
        plain=service.plain,
        ws_max_size=proxy.MESSAGE_BYTES_FROM_CLIENT,
        message_bytes=dict.fromkeys(openai.PATHS_OF_SOCKETS, openai.MESSAGE_BYTES),
        ws_ping_interval=proxy.PING_SECONDS,
        ws_ping_timeout=proxy.PONG_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(service: Service, bound: socket.socket, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    After SIGTERM conversations have the time of a drain, and the service answers meanwhile. After SIGINT (Ctrl-C) or a
    second signal they have none.
    """
    create_server(service, settings).run(sockets=[bound])
