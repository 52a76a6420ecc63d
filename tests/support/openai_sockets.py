"""Sockets of OpenAI's APIs: a client's events, and those of the service."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed


async def say(socket: ClientConnection, type_: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": type_, **fields}))


async def hear(socket: ClientConnection, *wanted: str) -> dict[str, Any]:
    """The next event of these types; what comes before is passed over."""
    async with asyncio.timeout(30):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] in wanted:
                return event


async def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """What comes until the server closes the connection."""
    events = []
    async with asyncio.timeout(30):
        with suppress(ConnectionClosed):
            while True:
                events.append(json.loads(await socket.recv()))
    return events
