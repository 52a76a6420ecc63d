"""How fast a client's messages are read, without a socket."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import WebSocket

from moshi_backend.conversation.inbox import BYTES_PER_SECOND, INPUT_BURST, Inbox

pytestmark = pytest.mark.anyio


def inbox_of(*messages: str | bytes) -> Inbox:
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for message in messages:
        received.put_nowait({"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message})
    return Inbox(cast("WebSocket", SimpleNamespace(receive=received.get)))


@pytest.mark.parametrize("letter", ["x", b"x"])
async def test_a_long_message_without_audio_counts_as_the_audio_that_it_could_be(letter: str | bytes) -> None:
    seconds = INPUT_BURST + 0.5
    inbox = inbox_of(letter * int(seconds * BYTES_PER_SECOND), letter)
    await inbox.next()
    inbox.worked(0.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await inbox.next()
    async with asyncio.timeout(5):
        assert await inbox.next() == letter


async def test_audio_at_real_time_is_read_without_a_pause() -> None:
    bytes_of_frame = 80 * 24 * 2 * 4 // 3 + 100
    inbox = inbox_of(*["x" * bytes_of_frame] * 50)
    async with asyncio.timeout(1):
        for _ in range(50):
            await inbox.next()
            inbox.worked(0.04)
