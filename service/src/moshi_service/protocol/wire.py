"""The wire protocol of `/api/chat`: binary WebSocket messages, close codes and close reasons.

The first byte of a message is its kind. Kinds 0 to 6 are upstream's. docs/reference/protocol.md describes the protocol
for people who write a client.
"""

from collections.abc import Mapping
from enum import IntEnum


class Kind(IntEnum):
    """The first byte of a message."""

    HANDSHAKE = 0
    AUDIO = 1
    TEXT = 2
    CONTROL = 3
    METADATA = 4
    ERROR = 5
    PING = 6


class CloseCode(IntEnum):
    """Close codes: RFC 6455's and, from 4000 on, our own."""

    FINISHED = 1000
    GOING_AWAY = 1001
    NOT_TEXT = 1003
    NOT_OPUS = 1007
    NOT_ALLOWED = 1008
    TOO_BIG = 1009
    ENGINE_FAILED = 1011
    MOSHI_LOST = 1012
    TRY_LATER = 1013
    TOO_SLOW = 4000
    BAD_PREFERENCE = 4001
    IDLE = 4002
    NO_TOKEN = 4003


MESSAGE_BYTES = 16_384
"""Longest message that a client may send to moshi. 80 ms of Opus take about 300 bytes; this is enough for more than a
second at Opus's highest rate."""

HANDSHAKE = bytes([Kind.HANDSHAKE]) + bytes(8)
"""Protocol version 0 and model 0, two little-endian 32-bit numbers."""

PING = bytes([Kind.PING])

REASON_BYTES = 123
"""Space that RFC 6455 leaves for a close reason in UTF-8."""


def audio(ogg: bytes) -> bytes:
    """A message with Ogg/Opus pages."""
    return bytes([Kind.AUDIO]) + ogg


def text(piece: str) -> bytes:
    """A message with a piece of the model's text."""
    return bytes([Kind.TEXT]) + piece.encode()


def wants_events(query: Mapping[str, str]) -> bool:
    """Whether a client with these query parameters receives metadata messages (`?protocol=2`)."""
    return query.get("protocol") == "2"


def close_reason(reason: str, retry_after: int | None = None) -> str:
    """The reason of a close frame, cut between characters to `REASON_BYTES`.

    Args:
        reason: in words.
        retry_after: seconds after which the client may try again; the last words of the result.
    """
    advice = "" if retry_after is None else f"; Retry-After: {retry_after}"
    return reason.encode()[: REASON_BYTES - len(advice)].decode(errors="ignore") + advice
