"""How the frontend ends conversations: close frames, and the events that announce them."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from moshi_service.errors import Problem
from moshi_service.protocol import events, wire
from moshi_service.protocol.wire import CloseCode

UNSENDABLE = {
    1005: CloseCode.FINISHED,  # the other side closed without a code
    1006: CloseCode.GOING_AWAY,  # the other side vanished
    1015: CloseCode.GOING_AWAY,  # the other side broke TLS
}
"""Codes that a WebSocket library reports but that no close frame may have, and their replacements."""

_LEFT = (WebSocketDisconnect, RuntimeError)
"""Errors of sending to a client that left. After unanswered pings the server has sent a close frame by itself, and
until the socket is closed (over TLS up to 5 s later) uvicorn reports a message as a mistake of the application."""


@dataclass(frozen=True)
class CloseFrame:
    """A close frame that may be sent: the code is replaced and the reason is cut where necessary.

    Attributes:
        code: a `CloseCode`, or the other side's code.
        reason: in words, without `retry_after`.
        retry_after: seconds after which the client may try again.
        error: the code of the problem; None if the other side ended the conversation.
    """

    code: int
    reason: str
    retry_after: int | None = None
    error: str | None = None

    @classmethod
    def of(cls, code: CloseCode, problem: Problem, retry_after: int | None = None) -> Self:
        """The frame that tells a problem of this service."""
        return cls(code, problem.text, retry_after, problem.code)

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", int(UNSENDABLE.get(self.code, self.code)))
        object.__setattr__(self, "reason", wire.close_reason(self.reason))

    @property
    def text(self) -> str:
        """The reason that the frame carries."""
        return wire.close_reason(self.reason, self.retry_after)

    def announcement(self) -> bytes:
        """The message that announces the end to a client of protocol 2."""
        event = events.EndEvent(code=self.code, reason=self.reason, retry_after=self.retry_after, error=self.error)
        return event.message()


async def tell(socket: WebSocket, message: bytes | str) -> bool:
    """Send a message. False if the client has left, or answers no pings and so is being closed."""
    try:
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)
    except _LEFT:
        return False
    return True


async def close(socket: WebSocket, frame: CloseFrame, *, announce: bool) -> None:
    """Close, after the announcement of the end if the client wants one. A client that left first is no error."""
    if not announce or await tell(socket, frame.announcement()):
        with suppress(*_LEFT):
            await socket.close(frame.code, frame.text)
