"""One conversation: passes messages both ways between a client and its moshi.

The relay does not read messages, and queues nothing beyond the buffers of the two sockets. So a side that reads slowly
slows the sender on the other side down, and moshi decides when that is too slow.
"""

import asyncio
from contextlib import suppress

from fastapi import WebSocket
from starlette.types import Message
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from moshi_frontend.closing import CloseFrame, close, tell
from moshi_frontend.doors import Door
from moshi_frontend.errors import conversations as errors
from moshi_frontend.placement import Open, Placed, Placement
from moshi_frontend.telemetry import metrics
from moshi_frontend.waiting import Waiting
from moshi_service.protocol import events
from moshi_service.protocol.wire import CloseCode

CLOSE_SECONDS = 0.25

_SHUTTING_DOWN = CloseFrame.of(CloseCode.GOING_AWAY, errors.frontend_shutting_down())


class Relay:
    """
    Args:
        socket: the client's, accepted.
        door: the way by which the client came in.
        placed: the conversation that moshi has accepted.
        open_: opens the same conversation with another moshi.

    Attributes:
        placed: changes only while the client waits for a slot.
    """

    def __init__(self, socket: WebSocket, door: Door, placed: Placed, placement: Placement, open_: Open) -> None:
        self.placed = placed
        self._socket = socket
        self._announces = door.announces(socket)
        self._placement = placement
        self._open = open_
        self._ending = asyncio.Event()

    async def warn(self, seconds: float) -> None:
        """Tell the client that the conversation ends in so many seconds, because the frontend stops."""
        if self._announces:
            warning = events.WarningEvent(why="draining", seconds=round(seconds))
            with suppress(TimeoutError):  # it reads nothing any more
                async with asyncio.timeout(CLOSE_SECONDS):
                    await tell(self._socket, warning.message())

    def end(self) -> None:
        """End the conversation now, because the frontend stops."""
        self._ending.set()

    async def run(self) -> tuple[str, str]:
        """Pass messages on until a side ends, then end the other. Says who ended it, and how."""
        ending = asyncio.create_task(self._ending.wait())
        first = asyncio.create_task(self._socket.receive())
        try:
            waiting = Waiting(self._socket, first, ending, self._placement, self._open)
            self.placed = await waiting.wait(self.placed)
            async with self.placed.connection:
                return await self._relay(self.placed.connection, first, ending)
        finally:
            for task in (ending, first):
                task.cancel()
            await asyncio.gather(ending, first, return_exceptions=True)

    async def _relay(
        self, moshi: ClientConnection, first: asyncio.Task[Message], ending: asyncio.Task[object]
    ) -> tuple[str, str]:
        socket = self._socket
        inward = asyncio.create_task(_client_to_moshi(socket, moshi, first))
        outward = asyncio.create_task(_moshi_to_client(moshi, socket))
        try:
            await asyncio.wait({inward, outward, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                with suppress(TimeoutError):  # of one that reads nothing any more
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await close(socket, _SHUTTING_DOWN, announce=self._announces)
                await moshi.close(CloseCode.GOING_AWAY, _SHUTTING_DOWN.reason)
                return "frontend", _SHUTTING_DOWN.reason
            if inward.done() and (left := inward.result()):
                await moshi.close(left.code, left.reason)
                return "client", f"the client left: {left.code} {left.reason!r}"
            if ended := await outward:
                # Without a close frame moshi cannot have announced the end, so that is done here.
                await close(socket, ended, announce=self._announces and moshi.protocol.close_rcvd is None)
                if ended.code != CloseCode.MOSHI_LOST:
                    return "moshi", f"moshi ended it: {ended.code} {ended.reason!r}"
                self._placement.doubt(self.placed.replica)
                return "lost", f"moshi ended it: {ended.code} {ended.reason!r}"
            await moshi.close(CloseCode.GOING_AWAY)
            return "client", "the client vanished"
        finally:
            for task in (inward, outward):
                task.cancel()
            await asyncio.gather(inward, outward, return_exceptions=True)


async def _client_to_moshi(
    socket: WebSocket, moshi: ClientConnection, first: asyncio.Task[Message]
) -> CloseFrame | None:
    """Until the client leaves: its close. None once moshi is gone."""
    try:
        message = await first
        while message["type"] == "websocket.receive":
            data = message.get("bytes")
            data = message["text"] if data is None else data
            metrics.IO.add(len(data), {"direction": "to_moshi"})
            await moshi.send(data)
            message = await socket.receive()
    except ConnectionClosed:
        return None
    return CloseFrame(message["code"], message.get("reason") or "")


async def _moshi_to_client(moshi: ClientConnection, socket: WebSocket) -> CloseFrame | None:
    """Until moshi ends it: its close. None once the client is gone."""
    try:
        while True:
            message = await moshi.recv()
            metrics.IO.add(len(message), {"direction": "to_client"})
            if not await tell(socket, message):
                return None
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return CloseFrame.of(CloseCode.MOSHI_LOST, errors.moshi_lost())
        return CloseFrame(closed.rcvd.code, closed.rcvd.reason)
