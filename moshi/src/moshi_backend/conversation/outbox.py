"""The items that a session puts into its outbox, for its connection to send."""

from dataclasses import dataclass

from pydantic import BaseModel

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.model.batch import Frame
from moshi_service.errors import Problem
from moshi_service.protocol.wire import CloseCode

OUTBOX_ITEMS = 100
"""Items that may wait for a slow reader, 8 s of frames. One more ends the conversation."""


@dataclass(frozen=True)
class PromptRead:
    """The finished prefill.

    Attributes:
        steps: positions of the prompt.
        seconds: from getting a slot until the end of the prefill.
        cached: whether the voice came from the cache.
    """

    steps: int
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Begun:
    """The conversation is live.

    Attributes:
        waited: seconds from the session's creation until it got a slot.
        prompt: None if there was no prompt to read.
    """

    waited: float
    prompt: PromptRead | None


@dataclass(frozen=True)
class End:
    """Why the service ends a conversation.

    Attributes:
        code: of the close frame.
        problem: the reason, for the client.
        retry_after: seconds after which the client may try again, where known.
    """

    code: CloseCode
    problem: Problem
    retry_after: int | None = None


@dataclass(frozen=True)
class Command:
    """A client's message for the sender to answer in its turn, or the answer itself. `event`: typed by the wire."""

    event: BaseModel


type Item = Place | PrefillProgress | Begun | Frame | Notice | Command | End
