"""Reads a client's messages, no faster than the client may send them."""

import asyncio
import time

from fastapi import WebSocket

from moshi_backend.conversation.throttle import Throttle

MESSAGE_SECONDS = 0.01
"""Seconds of work that any message counts as, at least: the service reads 100 messages a second."""

BYTES_PER_SECOND = 128 * 1024
"""Bytes, or characters of text, that count as a second of work at least, whatever they hold: large JSON without audio
takes time too. Base64 PCM at twice real time has 125 KiB in a second; the rest is for the names of the fields."""

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
        self._least = MESSAGE_SECONDS

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
        heard = data if data is not None else str(message.get("text") or "")
        self._least = max(MESSAGE_SECONDS, len(heard) / BYTES_PER_SECOND)
        return heard

    def worked(self, seconds: float) -> None:
        """The last message took as many seconds of work. It counts as more if it was long."""
        now = time.monotonic()
        self._owed = now + min(LONGEST_WAIT_SECONDS, self._throttle.wait(max(self._least, seconds), now))
