"""A moshi without a model: says what it is told to over real sockets, and remembers how it was spoken to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

HANDSHAKE = bytes(9)
READY = {"status": "ready", "phase": "ready", "progress": 1.0, "detail": "serving"}


ADVERTISED = {
    "text_temperature": {"type": "number", "minimum": 0, "maximum": 2, "default": 0.7},
    "audio_temperature": {"type": "number", "minimum": 0, "maximum": 2, "default": 0.8},
    "audio_topk": {"type": "integer", "minimum": 0, "maximum": 32_000, "default": 250},
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**53, "default": None},
}


def metadata(**fields: object) -> bytes:
    return b"\x04" + json.dumps(fields).encode()


def text(piece: str) -> bytes:
    return b"\x02" + piece.encode()


async def greet(conversation: ServerConnection) -> None:
    """Begin at once."""
    await conversation.send(HANDSHAKE)


async def echo(conversation: ServerConnection) -> None:
    async for message in conversation:
        await conversation.send(message)


Script = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class FakeMoshi:
    """`greet` is what it does until a conversation begins, and `chat` afterwards. All may be changed while it runs."""

    greet: Script = greet
    chat: Script = echo
    health: dict[str, object] = field(default_factory=lambda: dict(READY))
    slots: dict[str, int] = field(default_factory=lambda: {"total": 4, "used": 0})
    settings: dict[str, object] = field(default_factory=lambda: dict(ADVERTISED))
    personas: dict[str, object] | None = None
    conversations: list[ServerConnection] = field(default_factory=list)
    url: str = ""

    @property
    def info(self) -> dict[str, Any]:
        return {
            "service": "scenario6-moshi",
            "version": "0.0.0",
            "upstream": {"version": "0.0.0"},
            "model": {"id": "fake", "revision": None, "demo": True},
            "device": "none",
            "slots": self.slots,
            "settings": self.settings,
            "personas": self.personas,
        }

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
            case "/api/chat":
                return None
            case "/alive":
                return connection.respond(HTTPStatus.OK, json.dumps({"status": "alive"}))
            case "/health":
                ready = self.health["status"] == "ready"
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                return connection.respond(status, json.dumps(self.health))
            case "/api/info":
                return connection.respond(HTTPStatus.OK, json.dumps(self.info))
            case _:
                return connection.respond(HTTPStatus.NOT_FOUND, "{}")
