"""How conversations end on the wire: close codes, reasons, and the announcement that goes before them."""

import json
from dataclasses import dataclass
from enum import IntEnum

KIND_METADATA = 4
REASON_BYTES = 123
"""What RFC 6455 leaves for a close reason in UTF-8."""


class Code(IntEnum):
    """The close codes that this service uses of its own accord."""

    FINISHED = 1000
    GOING_AWAY = 1001
    NOT_ALLOWED = 1008
    MOSHI_LOST = 1012
    TRY_LATER = 1013


UNSENDABLE = {
    1005: Code.FINISHED,  # the other side closed without a code
    1006: Code.GOING_AWAY,  # the other side vanished
    1015: Code.GOING_AWAY,  # the other side broke TLS
}
"""Codes that an endpoint reports but that must not travel, and what is sent in their place."""


@dataclass(frozen=True)
class Close:
    """A close frame. The code is one that may be sent and the reason fits, whatever they are made from."""

    code: int
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", int(UNSENDABLE.get(self.code, self.code)))
        cut = self.reason.encode()[:REASON_BYTES].decode(errors="ignore")
        object.__setattr__(self, "reason", cut)

    def announcement(self) -> bytes:
        """The metadata message that tells a `protocol=2` client."""
        end = {"type": "end", "code": self.code, "reason": self.reason}
        return bytes([KIND_METADATA]) + json.dumps(end, separators=(",", ":")).encode()
