"""uvicorn as both services run it: sockets of their own, limits, certificates that are renewed, an orderly end."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, override

import uvicorn
from opentelemetry.metrics import Counter
from starlette.types import ASGIApp

from moshi_service.listening import certificate
from moshi_service.network.addresses import Networks
from moshi_service.network.connections import Connections
from moshi_service.network.protocols import HEAD_BYTES
from moshi_service.network.serving import LimitedServer
from moshi_service.renewal import keep_current
from moshi_service.settings import ServiceSettings
from moshi_service.signals import ignore_termination


class Server(LimitedServer):
    """
    Args:
        places: connections at the same time.
        dropped: counts connections that are dropped, with the attribute `reason`.
        drain: ends the conversations before the server stops.
        on_signal: called with the number of each SIGINT and SIGTERM, and whether the server was stopping already.
        message_bytes: the longest message that a client may send to the WebSocket at a path. `ws_max_size` of the
            options is the limit for every other path.
        plain: answers plain HTTP on the port for TLS. None: such a connection is dropped.
        options: further arguments of `uvicorn.Config`.

    Raises:
        StartupError: the certificate cannot be read or made.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServiceSettings,
        *,
        places: int,
        dropped: Counter,
        drain: Callable[[], Awaitable[None]],
        on_signal: Callable[[int, bool], None] = lambda number, stopping: None,
        message_bytes: Mapping[str, int] | None = None,
        plain: ASGIApp | None = None,
        **options: Any,
    ) -> None:
        proxies = Networks(settings.trusted_proxies)
        tls = certificate(settings)
        config = uvicorn.Config(
            app,
            ws="websockets-sansio",
            h11_max_incomplete_event_size=HEAD_BYTES,
            ws_per_message_deflate=False,  # Opus does not compress further
            access_log=False,
            log_config=None,
            server_header=False,
            forwarded_allow_ips=proxies.for_uvicorn,
            ssl_certfile=tls.chain if tls else None,
            ssl_keyfile=tls.key if tls else None,
            **options,
        )
        super().__init__(config, Connections(places, proxies, dropped), message_bytes, plain)
        self._find_certificate = partial(certificate, settings)
        self._drain = drain
        self._on_signal = on_signal

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
        if threading.current_thread() is threading.main_thread():
            ignore_termination()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in an orderly way, also at a second signal: uvicorn would skip the end of the app then, which logs a
        traceback."""
        self._on_signal(sig, self.should_exit)
        self.should_exit = True

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.config.ssl is not None:
            self._renewal = asyncio.create_task(keep_current(self.config.ssl, self._find_certificate))

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        await super().shutdown(sockets)
