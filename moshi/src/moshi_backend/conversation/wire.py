"""The interface between a conversation's socket and the protocol that its client speaks.

`Connection` reads and sends, and knows no protocol. A wire knows one protocol, and neither reads nor sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_backend.conversation.outbox import End, Item

type Message = bytes | str
"""A binary or a text message of a WebSocket."""


@dataclass(frozen=True)
class Heard:
    """The effects of a client's message.

    Attributes:
        frames: the input that it completes, each float32 [frame_size]; None if the message is no audio. Audio that
            completes no frame is an empty sequence.
        pong: sent at once, before the items that wait in the outbox.
        items: for the outbox: the sender answers them in their turn.
        clears: whether to drop the input that the model has not heard yet, before `frames`.
        end: why the session ends now: the client asked for it, or broke a rule.
    """

    frames: Sequence[NDArray[np.float32]] | None = None
    pong: Message | None = None
    items: Sequence[Item] = ()
    clears: bool = False
    end: End | None = None


class Wire(Protocol):
    """One client's protocol. `hear` is called from the receiver, and `say` and `finish` from the sender.

    Attributes:
        fills_gaps: whether the model hears silence while the client sends nothing. Upstream's clients always send.
    """

    fills_gaps: bool

    async def hear(self, message: Message) -> Heard:
        """Understand a client's message."""
        ...

    async def say(self, item: Item) -> Sequence[Message]:
        """The messages that tell the client an item of the outbox. `item` is no `End`."""
        ...

    def finish(self, end: End) -> Sequence[Message]:
        """The messages before the close frame."""
        ...
