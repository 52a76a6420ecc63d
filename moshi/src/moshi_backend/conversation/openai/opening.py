"""The time between the connection of a client and its session: the client chooses voice and role."""

import asyncio
import time
from typing import Protocol

from fastapi import WebSocket

from moshi_backend.conversation.connection import send
from moshi_backend.conversation.inbox import Inbox
from moshi_backend.conversation.openai.choices import Choice
from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.wire import Heard, Wire


class OpenAIWire(Wire, Protocol):
    """A wire that is there before its session."""

    def greet(self) -> Heard:
        """The answer to the connection itself."""
        ...

    def due(self) -> float:
        """When to look again if no message comes, in seconds of `time.monotonic`."""
        ...

    def look(self, now: float) -> Choice | End | None:
        """The client's choice, as soon as its session can begin; the end if the client chose nothing for too long.

        Raises:
            ApiError: the choice is not possible.
        """
        ...

    def attach(self, session: Session) -> None:
        """The session begins."""
        ...

    def fault(self, error: ApiError) -> Heard:
        """Tells the client of an error."""
        ...


async def choose(socket: WebSocket, inbox: Inbox, wire: OpenAIWire) -> Choice | End:
    """Until the client has chosen, or has broken a rule.

    Raises:
        Left: the client closed the connection.
        WebSocketDisconnect: the same, while it was sent to.
    """
    heard = wire.greet()
    while True:
        await answer(socket, wire, heard)
        if heard.end is not None:
            return heard.end
        try:
            if (outcome := wire.look(time.monotonic())) is not None:
                return outcome
            async with asyncio.timeout(max(0.0, wire.due() - time.monotonic())):
                message = await inbox.next()
            heard = await wire.hear(message)
            inbox.worked(0.0)
        except TimeoutError:
            heard = Heard()
        except ApiError as error:
            heard = wire.fault(error)


async def answer(socket: WebSocket, wire: Wire, heard: Heard) -> None:
    """Send the answers to a message before there is a session, whose outbox would have them.

    Raises:
        WebSocketDisconnect: the client closed the connection.
    """
    for item in heard.items:
        for message in await wire.say(item):
            await send(socket, message)
