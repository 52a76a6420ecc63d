"""The wire protocol of `/api/chat`: binary WebSocket messages whose first byte says what they are.

Kinds 0 to 6 are upstream's. Kind 4 metadata is sent only to clients that ask for it with `?protocol=2`.
docs/reference/protocol.md describes it for people who write a client.
"""

import json
from enum import IntEnum


class Kind(IntEnum):
    HANDSHAKE = 0
    AUDIO = 1
    TEXT = 2
    CONTROL = 3
    METADATA = 4
    ERROR = 5
    PING = 6


class Close(IntEnum):
    """Close codes: RFC 6455's and, from 4000 on, our own."""

    FINISHED = 1000
    GOING_AWAY = 1001
    NOT_OPUS = 1007
    NOT_ALLOWED = 1008
    TOO_BIG = 1009
    ENGINE_FAILED = 1011
    TRY_LATER = 1013
    TOO_SLOW = 4000
    BAD_PREFERENCE = 4001
    IDLE = 4002
    NO_TOKEN = 4003


MESSAGE_BYTES = 16_384
"""Longest message a client may send. 80 ms of Opus are some 300 bytes; this is over a second at its highest rate."""

HANDSHAKE = bytes([Kind.HANDSHAKE]) + bytes(8)
"""Protocol version 0 and model 0, two little-endian 32-bit numbers."""

REASON_BYTES = 123
"""What RFC 6455 leaves for a close reason in UTF-8."""


def audio(ogg: bytes) -> bytes:
    return bytes([Kind.AUDIO]) + ogg


def text(piece: str) -> bytes:
    return bytes([Kind.TEXT]) + piece.encode()


def metadata(type_: str, **fields: object) -> bytes:
    return bytes([Kind.METADATA]) + json.dumps({"type": type_, **fields}, separators=(",", ":")).encode()


def close_reason(reason: str) -> str:
    """Cut to what fits into a close frame, never inside a character."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
