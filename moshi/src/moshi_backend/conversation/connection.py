"""The socket of one session: it reads the client's messages, and sends the items of the outbox."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from fastapi import WebSocket
from numpy.typing import NDArray
from starlette.websockets import WebSocketDisconnect

from moshi_backend.conversation.clock import Clock
from moshi_backend.conversation.inbox import Inbox, Left
from moshi_backend.conversation.manager import SessionManager
from moshi_backend.conversation.metronome import GAP_SECONDS, Metronome
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session, State
from moshi_backend.conversation.wire import Message, Wire
from moshi_backend.engine.scheduler import PERIOD
from moshi_service.protocol.wire import close_reason

CLOSE_SECONDS = 2.0
"""Seconds in which a client must take the rest of its messages and the close frame."""

INPUT_SPEED = 2.0
"""The service reads audio at this many times real time, after a stall of the network for example."""


class Connection:
    """
    Args:
        socket: accepted, and open.
        inbox: reads from the socket.
        session: the manager has let it in.
        wire: the client's protocol.
    """

    def __init__(self, socket: WebSocket, inbox: Inbox, session: Session, manager: SessionManager, wire: Wire) -> None:
        self._socket = socket
        self._inbox = inbox
        self._session = session
        self._manager = manager
        self._wire = wire
        self._clock = Clock(session, manager.limits, lambda: manager.place(session))
        self._metronome = Metronome(time.monotonic())

    async def run(self) -> None:
        """Until the client leaves or breaks a rule, or the service ends the session."""
        session = self._session
        session.observer.connected(session.id)
        detail = await self._until_the_end()
        session.observer.ended(session.ending, detail)

    async def _until_the_end(self) -> str:
        """Returns the reason, for the log."""
        receiver = asyncio.create_task(self._receive())
        sender = asyncio.create_task(self._send())
        ended = asyncio.create_task(self._session.reach(State.ENDED))
        tasks = [receiver, sender, ended, asyncio.create_task(self._clock.run())]
        if self._wire.fills_gaps:
            tasks.append(asyncio.create_task(self._fill_gaps()))
        try:
            await asyncio.wait((receiver, sender, ended), return_when=asyncio.FIRST_COMPLETED)
            # uvicorn also reports a close of ours as a disconnect.
            if receiver.done() and not ended.done():
                if isinstance(outcome := receiver.result(), str):
                    return outcome
                self._session.end(outcome)
            async with asyncio.timeout(CLOSE_SECONDS):
                return await sender
        except TimeoutError:
            return "client did not read its last messages"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> End | str:
        """Until the client leaves (returns the reason, for the log), or asks for the end or breaks a rule (returns the
        end to tell it)."""
        while True:
            try:
                heard = await self._wire.hear(await self._inbox.next())
            except Left as left:
                return str(left)
            if heard.clears:
                self._manager.clear(self._session)
                self._metronome.clear(time.monotonic())
            if heard.frames is not None:
                self._listen(heard.frames)
            for item in heard.items:
                self._session.tell(item)
            if heard.pong is not None:
                try:
                    await send(self._socket, heard.pong)
                except WebSocketDisconnect:
                    return "client left before its ping was answered"
            if heard.end is not None:
                return heard.end
            self._inbox.worked(len(heard.frames or ()) * PERIOD / INPUT_SPEED)

    def _listen(self, frames: Sequence[NDArray[np.float32]]) -> None:
        session = self._session
        now = time.monotonic()
        self._clock.heard(now)
        session.observer.received(now)
        if session.state is State.LIVE:
            late = self._metronome.heard(len(frames), now) if self._wire.fills_gaps else 0
            self._manager.push(session, frames[late:])
        elif session.state is not State.ENDED:
            session.observer.dropped(len(frames), "waiting")

    async def _fill_gaps(self) -> None:
        """Give the model silence while the client sends nothing."""
        session = self._session
        await session.reach(State.LIVE)
        self._metronome.begin(time.monotonic())
        loaded = self._manager.engine.loaded
        assert loaded is not None
        silence = np.zeros(loaded.model.frame_size, np.float32)
        while session.state is State.LIVE:
            wait = max(0.0, self._metronome.due() - time.monotonic())
            await asyncio.sleep(min(wait, GAP_SECONDS))  # `clear` brings the time forward
            if self._metronome.beat(time.monotonic()):
                self._manager.push(session, [silence])

    async def _send(self) -> str:
        """Until the session ends. Returns the reason, for the log."""
        try:
            while not isinstance(item := await self._session.outbox.get(), End):
                for message in await self._wire.say(item):
                    await send(self._socket, message)
                self._session.observer.sent(item)
            await close(self._socket, self._wire.finish(item), item)
        except WebSocketDisconnect:
            return "client left while it was sent to"
        return f"{item.code.value} {item.problem}"


async def send(socket: WebSocket, message: Message) -> None:
    """
    Raises:
        WebSocketDisconnect: the connection is closed, by whichever side.
    """
    try:
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)
    except RuntimeError as error:  # the server closed it: a message was too long, or pings stayed unanswered
        raise WebSocketDisconnect from error


async def close(socket: WebSocket, last: Sequence[Message], end: End) -> None:
    """Send the last messages, and close.

    Raises:
        WebSocketDisconnect: it is closed already.
    """
    for message in last:
        await send(socket, message)
    try:
        await socket.close(end.code.value, close_reason(end.problem.text, end.retry_after))
    except RuntimeError as error:
        raise WebSocketDisconnect from error
