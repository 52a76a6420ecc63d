"""Sockets of the moshi service, for tests.

The numbers and the JSON are written out here by hand, from upstream's documentation and ours. A test that reads the
bytes with the service's own definitions would not notice that those changed.
"""

import asyncio
import json
import time
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from support.services import Service

KIND_HANDSHAKE, KIND_AUDIO, KIND_METADATA, KIND_PING = 0, 1, 4, 6


def used_slots(moshi: Service) -> int:
    used = moshi.get("/api/info").json()["slots"]["used"]
    assert isinstance(used, int)
    return used


async def slots_become(moshi: Service, used: int, seconds: float = 1.0) -> None:
    deadline = time.monotonic() + seconds
    while await asyncio.to_thread(used_slots, moshi) != used:
        assert time.monotonic() < deadline, f"not {used} slots in use after {seconds} s"
        await asyncio.sleep(0.02)


async def closing(socket: ClientConnection) -> tuple[int | None, str]:
    """The close code and reason, after reading what comes before."""
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code, socket.close_reason or ""


async def handshake(socket: ClientConnection) -> None:
    async with asyncio.timeout(10):
        message = await socket.recv()
    assert message == bytes([KIND_HANDSHAKE]) + bytes(8)


async def metadata(socket: ClientConnection, type_: str) -> dict[str, Any]:
    """The next metadata of that type; what comes before is passed over."""
    async with asyncio.timeout(15):
        while True:
            message = await socket.recv()
            assert isinstance(message, bytes)
            if message[0] == KIND_METADATA:
                content: dict[str, Any] = json.loads(message[1:])
                if content["type"] == type_:
                    return content
