"""A connection whose client drops its input, without a socket and without a model."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import WebSocket

from moshi_backend.conversation.connection import Connection
from moshi_backend.conversation.inbox import Inbox
from moshi_backend.conversation.limits import Limits
from moshi_backend.conversation.manager import SessionManager
from moshi_backend.conversation.outbox import End, Item
from moshi_backend.conversation.wire import Heard, Message
from moshi_backend.engine.request import BACKLOG_FRAMES
from support.fakes import FakeModel, samples, session

pytestmark = pytest.mark.anyio

SPEECH = [samples(1.0)] * BACKLOG_FRAMES
"""Two seconds."""


class Wire:
    """A client that can say two things."""

    fills_gaps = True

    async def hear(self, message: Message) -> Heard:
        return Heard(frames=SPEECH) if message == "speech" else Heard(clears=True)

    async def say(self, _item: Item) -> list[Message]:
        return []

    def finish(self, _end: End) -> list[Message]:
        return []


async def test_silence_begins_soon_after_the_input_is_dropped_not_after_the_time_that_the_input_would_have_taken() -> (
    None
):
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    pushed: asyncio.Queue[int] = asyncio.Queue()
    manager = SimpleNamespace(
        limits=Limits(),
        engine=SimpleNamespace(loaded=SimpleNamespace(model=FakeModel)),
        push=lambda _session, frames: pushed.put_nowait(len(frames)),
        clear=lambda _session: pushed.put_nowait(0),
    )
    socket, talk = cast("WebSocket", SimpleNamespace(receive=received.get)), session()
    talk.begin()
    connection = asyncio.create_task(
        Connection(socket, Inbox(socket), talk, cast("SessionManager", manager), Wire()).run()
    )
    for said, effect in ("speech", BACKLOG_FRAMES), ("clear", 0):
        received.put_nowait({"type": "websocket.receive", "text": said})
        async with asyncio.timeout(10):
            assert await pushed.get() == effect
    async with asyncio.timeout(1.5):  # 0.16 s here, and more than 2 s without the clearing
        assert await pushed.get() == 1
    received.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await connection
