"""Reads a client's messages, no faster than the client may send them."""

import asyncio
import time

from fastapi import WebSocket

from moshi_backend.conversation.throttle import Throttle

MESSAGE_SECONDS = 0.01
"""Seconds of work that any message counts as, at least: the service reads 100 messages a second."""

INPUT_BURST = 2.0
"""Seconds of work that a client may send at once."""

LONGEST_WAIT_SECONDS = 1.0
"""Between two messages. One more second of a flood is read after it."""


class Left(Exception):
    """The client closed the connection, or it broke. The message says how, for the log."""


class Inbox:
    """
    Args:
        socket: accepted, and open.
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._throttle = Throttle(INPUT_BURST, time.monotonic())
        self._owed = 0.0

    async def next(self) -> bytes | str:
        """Wait until the work of the last message may be done, then for the next message. A cancelled call loses no
        message.

        Raises:
            Left: there is no next one.
        """
        if (wait := self._owed - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Left(f"client left, code {message.get('code')}")
        data = message.get("bytes")
        return data if data is not None else str(message.get("text") or "")

    def worked(self, seconds: float) -> None:
        """The last message took as many seconds of work."""
        now = time.monotonic()
        self._owed = now + min(LONGEST_WAIT_SECONDS, self._throttle.wait(max(MESSAGE_SECONDS, seconds), now))
