"""A moshi without a model: says what it is told to over real sockets, and remembers how it was spoken to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from moshi_service.health import Health, ObservedHealth
from moshi_service.protocol.info import Info, Limits, Model, Personas, Setting, Slots, Upstream
from moshi_service.protocol.wire import HANDSHAKE, MESSAGE_BYTES, Kind

READY = Health("ready", "ready", 1.0, "serving")

ADVERTISED = {
    "text_temperature": Setting(type="number", minimum=0, maximum=2, default=0.7),
    "audio_temperature": Setting(type="number", minimum=0, maximum=2, default=0.8),
    "audio_topk": Setting(type="integer", minimum=0, maximum=32_000, default=250),
    "seed": Setting(type="integer", minimum=0, maximum=2**53, default=None),
}

LIMITS = Limits(
    queue=8,
    session_seconds=0,
    idle_seconds=0,
    drain_seconds=0,
    message_bytes=MESSAGE_BYTES,
    input_backlog_frames=25,
    output_backlog_frames=100,
)


async def greet(conversation: ServerConnection) -> None:
    """Begin at once."""
    await conversation.send(HANDSHAKE)


async def echo(conversation: ServerConnection) -> None:
    async for message in conversation:
        await conversation.send(message)


async def framed_echo(conversation: ServerConnection) -> None:
    """Gives back what it hears as moshi does: 80 ms in each message. The first one holds the stream's headers."""
    await conversation.send(await conversation.recv())
    pages: list[bytes] = []
    async for message in conversation:
        assert isinstance(message, bytes)
        if message[0] != Kind.AUDIO:
            await conversation.send(message)
            continue
        pages.append(message[1:])
        if len(pages) == 4:
            await conversation.send(bytes([Kind.AUDIO]) + b"".join(pages))
            pages.clear()


Script = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class FakeMoshi:
    """`greet` is what it does until a conversation begins, and `chat` afterwards. All may be changed while it runs."""

    greet: Script = greet
    chat: Script = echo
    health: ObservedHealth = READY
    slots: Slots = field(default_factory=lambda: Slots(total=4, used=0))
    settings: dict[str, Setting] = field(default_factory=lambda: dict(ADVERTISED))
    personas: Personas | None = None
    refusal: tuple[HTTPStatus, dict[str, str], str] | None = None
    """The answer to an upgrade of OpenAI's APIs, if it is none."""
    admits: asyncio.Event = field(default_factory=asyncio.Event)
    """Upgrades wait for it. It is set at first."""
    upgrades: int = 0
    """That were asked for."""
    conversations: list[ServerConnection] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.admits.set()

    @property
    def info(self) -> dict[str, Any]:
        info = Info(
            version="0.0.0",
            health=Health(**asdict(self.health)),
            upstream=Upstream(version="0.0.0", commit="0" * 40),
            model=Model(id="fake", revision=None, demo=True),
            device="none",
            dtype=None,
            sample_rate=24_000,
            frame_size=1920,
            context_seconds=240,
            slot_bytes=None,
            slots=self.slots,
            queue=0,
            limits=LIMITS,
            uptime_seconds=0,
            settings=self.settings,
            personas=self.personas,
        )
        return info.model_dump(mode="json")

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakeMoshi"]:
        async with serve(
            self._converse,
            "127.0.0.1",
            0,
            ssl=tls,
            compression=None,
            process_request=self._answer,
            max_size=None,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            close_timeout=1,
        ) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
            yield self

    async def conversation(self, number: int = 0) -> ServerConnection:
        """The given one, as soon as it has begun."""
        async with asyncio.timeout(30):
            while len(self.conversations) <= number:
                await asyncio.sleep(0.01)
        return self.conversations[number]

    async def _converse(self, conversation: ServerConnection) -> None:
        self.conversations.append(conversation)
        try:
            await self.greet(conversation)
            await self.chat(conversation)
        except ConnectionClosed:
            pass

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        match request.path.partition("?")[0]:
            case "/v1/live/sessions" | "/v1/realtime" if self.refusal is not None:
                status, headers, body = self.refusal
                response = connection.respond(status, body)
                del response.headers["Content-Type"]
                response.headers.update(headers)
                return response
            case "/api/chat" | "/v1/live/sessions" | "/v1/realtime":
                self.upgrades += 1
                await self.admits.wait()
                return None
            case "/alive":
                return connection.respond(HTTPStatus.OK, json.dumps({"status": "alive"}))
            case "/health":
                ready = self.health.status == "ready"
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                return connection.respond(status, json.dumps(asdict(self.health)))
            case "/api/info":
                return connection.respond(HTTPStatus.OK, json.dumps(self.info))
            case _:
                return connection.respond(HTTPStatus.NOT_FOUND, "{}")
