"""A client that waits for a slot: it goes on with another moshi if that has one first, or if its own goes away.

This is possible until the conversation begins. It is not possible after the client has sent something, because its
stream of audio begins with headers that only one moshi has seen.
"""

import asyncio
import random
from contextlib import suppress

from fastapi import WebSocket
from websockets.exceptions import ConnectionClosed

from moshi_frontend.closing import tell
from moshi_frontend.placement import NotPlaced, Open, Placed, Placement
from moshi_frontend.telemetry import metrics
from moshi_service.protocol import events
from moshi_service.protocol.wire import CloseCode, Kind

LOOK_SECONDS = (0.7, 1.3)
"""Between two looks for a free slot elsewhere."""

LOSSES = 3
"""How often a client gets another moshi because its own went away."""

_AWAY = (None, CloseCode.GOING_AWAY, CloseCode.ENGINE_FAILED)
"""Close codes of a moshi that went away; None without a close frame."""

type Message = bytes | str


class Waiting:
    """
    Args:
        socket: the client's.
        client: its first message, which may come at any time.
        ending: is done when the frontend stops.
    """

    def __init__(
        self,
        socket: WebSocket,
        client: asyncio.Task[object],
        ending: asyncio.Task[object],
        placement: Placement,
        open_: Open,
    ) -> None:
        self._socket = socket
        self._client = client
        self._ending = ending
        self._placement = placement
        self._open = open_
        self._end: Message | None = None
        """The announcement of an end that may not be one."""

    async def wait(self, placed: Placed) -> Placed:
        """The place where the conversation begins, ends, or is the client's turn to be heard.

        If it fails or is cancelled, it leaves no connection to a moshi open.
        """
        losses = 0
        try:
            while placed.waits:
                try:
                    found = await self._at(placed)
                except ConnectionClosed as closed:
                    code = closed.rcvd.code if closed.rcvd else None
                    again = await self._again() if code in _AWAY and losses < LOSSES else None
                    if again is None:
                        await self._tell(self._end)
                        return placed
                    losses += 1
                    placed, self._end = again, None
                    continue
                if found is None:
                    return placed
                metrics.MOVES.add(1)
                before, placed = placed, found
                await before.connection.close(CloseCode.GOING_AWAY)
            return placed
        except BaseException:
            await placed.connection.close(CloseCode.GOING_AWAY)
            raise

    async def _at(self, placed: Placed) -> Placed | None:
        """Wait there. A better place; None if there is no more to wait for.

        Raises:
            ConnectionClosed: moshi has ended it.
        """
        moving = asyncio.create_task(self._slot_elsewhere(placed))
        better: Placed | None = None
        try:
            while True:
                told = asyncio.create_task(placed.connection.recv())
                await asyncio.wait({told, moving, self._client, self._ending}, return_when=asyncio.FIRST_COMPLETED)
                if not told.done():
                    told.cancel()
                elif not await self._still_waits(told.result()):
                    return None
                if self._client.done() or self._ending.done():
                    return None
                if moving.done():
                    better = moving.result()
                    return better
        finally:
            moving.cancel()
            (unused,) = await asyncio.gather(moving, return_exceptions=True)
            if better is None and isinstance(unused, Placed):
                await unused.connection.close(CloseCode.GOING_AWAY)

    async def _still_waits(self, message: Message) -> bool:
        """Pass the message on. Whether the client has no slot yet."""
        event = None
        if isinstance(message, bytes) and message[:1] == bytes([Kind.METADATA]):
            with suppress(ValueError):  # of another version
                event = events.parse(message[1:])
        if isinstance(event, events.EndEvent):
            self._end = message
            return True
        await self._tell(message)
        return isinstance(event, events.QueueEvent)

    async def _tell(self, message: Message | None) -> None:
        if message is not None:
            await tell(self._socket, message)  # if it has left, the next to read from it notices

    async def _slot_elsewhere(self, placed: Placed) -> Placed:
        while True:
            await asyncio.sleep(random.uniform(*LOOK_SECONDS))
            if found := await self._placement.move(placed, self._open):
                return found

    async def _again(self) -> Placed | None:
        try:
            return await self._placement.place(self._open)
        except NotPlaced:
            return None
