"""The parts that the Live and the Realtime API share."""

import secrets
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

SAMPLE_RATE = 24_000
"""Hz. Audio is 16-bit little-endian PCM, mono, in base64."""

MESSAGE_BYTES = 256 * 1024
"""Longest message that a client may send: four seconds of audio. Most clients send 100 ms, which take 6400 bytes."""

LIVE_PATH = "/v1/live/sessions"
REALTIME_PATH = "/v1/realtime"
MODELS_PATH = "/v1/models"

PATHS_OF_SOCKETS = (LIVE_PATH, REALTIME_PATH)

SUBPROTOCOL = "realtime"
"""Browsers cannot send headers, so their clients offer this and a second one with the key."""

KEY_SUBPROTOCOL = "openai-insecure-api-key."

OPENAI_VOICES = frozenset(
    "alloy ash ballad beacon bossa cedar cinder coral delta echo fable gleam marin meridian nova onyx quartz ripple "
    "sage shida shimmer stone tempo verse vesper willow".split()
)
"""Names of OpenAI's own voices, which SDKs send as their default."""

MOST_ENTRIES = 128
"""Of a list in a message, as OpenAI's limit for `input` is."""

type EventId = Annotated[str, Field(max_length=512)]

type Few[T] = Annotated[list[T], Field(max_length=MOST_ENTRIES), FailFast()]
"""A list that is read up to its first mistake. A message of 256 KiB could have 100,000 mistakes, and each takes time on
the event loop."""


def new_id(prefix: str) -> str:
    """A name that no other event, item or response has."""
    return f"{prefix}_{secrets.token_hex(8)}"


def offered(subprotocols: Iterable[str]) -> tuple[str | None, str | None]:
    """The subprotocol to answer, and the `Authorization` that a browser sends in another one."""
    names = list(subprotocols)
    keys = [name.removeprefix(KEY_SUBPROTOCOL) for name in names if name.startswith(KEY_SUBPROTOCOL)]
    return SUBPROTOCOL if SUBPROTOCOL in names else None, f"Bearer {keys[0]}" if keys else None


class Incoming(BaseModel):
    """A part of a client's message. Fields that are not declared are kept, so that `?strict=1` can name them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def undeclared(self) -> list[str]:
        """The names of the fields that have no effect here, without those that ask for nothing."""
        return [name for name, value in (self.model_extra or {}).items() if value not in (None, [], {})]


class ClientMessage(Incoming):
    """A client's message. `event_id` is the client's own name for it, which an answer repeats."""

    event_id: EventId | None = None


class Outgoing(BaseModel):
    """A part of a message to a client."""

    model_config = ConfigDict(frozen=True)


class AudioFormat(Incoming):
    """The encoding of audio. Older clients of the Realtime API send one word instead."""

    type: str
    rate: int | None = None

    @property
    def served(self) -> bool:
        """Whether the service reads and writes this format."""
        return self.type == "audio/pcm" and self.rate in (None, SAMPLE_RATE)


class VoiceId(Incoming):
    """A voice as an object."""

    id: str


class PcmFormat(Outgoing):
    """The format of all audio, in both directions."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24_000


class TextPart(Incoming):
    """A part of a message in the conversation. Parts without a text are ignored."""

    type: str = "input_text"
    text: str | None = None


class Message(Incoming):
    """A message that a client adds to the conversation: the system's and the developer's are the role."""

    type: str = "message"
    id: EventId | None = None
    role: str | None = None
    content: Few[TextPart] | str = Field(default_factory=list)

    @property
    def text(self) -> str:
        """The texts of all parts."""
        parts = [self.content] if isinstance(self.content, str) else [part.text or "" for part in self.content]
        return "\n".join(part for part in parts if part)

    @property
    def is_role(self) -> bool:
        """Whether the message says who the model is."""
        return self.type == "message" and self.role in ("system", "developer")


type ErrorType = Literal["invalid_request_error", "server_error"]


class HttpError(Outgoing):
    """The reason why a request, or the upgrade to a WebSocket, is refused."""

    type: ErrorType
    code: str
    message: str


class HttpErrorBody(Outgoing):
    """The body of such an answer."""

    error: HttpError


class Model(Outgoing):
    """A model of `GET /v1/models`."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(Outgoing):
    """The answer to `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[Model]

    @classmethod
    def of(cls, id_: str) -> Self:
        """The list of a service with one model."""
        owner, slash, _ = id_.partition("/")
        return cls(data=[Model(id=id_, owned_by=owner if slash else "scenario6")])


class Unreadable(Exception):
    """A message is not JSON."""


class Unknown(Exception):
    """A message has a type that is not in the API, or none. `type`: the type. `event_id`: of the message."""

    def __init__(self, type_: str, event_id: str | None) -> None:
        super().__init__(type_)
        self.type = type_
        self.event_id = event_id


class Invalid(Exception):
    """A field has a bad value. `param`: the path of the field. `event_id`: of the message, where it has one."""

    def __init__(self, param: str, reason: str, event_id: str | None) -> None:
        super().__init__(reason)
        self.param = param
        self.event_id = event_id


_UNION_MEMBERS = ("str", "VoiceId", "list[TextPart]")
"""Names that pydantic puts into the path of a field with more than one type."""


class _Envelope(BaseModel):
    """The fields of a message whose rest is not understood."""

    type: str = ""
    event_id: EventId | None = None


def parse[T](adapter: TypeAdapter[T], message: str) -> T:
    """The client's event in a message.

    Raises:
        Unreadable: the message is not a JSON object.
        Unknown: its type is not one of the API.
        Invalid: a field has a bad value.
    """
    try:
        return adapter.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    try:
        envelope = _Envelope.model_validate_json(message)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] in ("json_invalid", "model_type"):
            raise Unreadable from None
        envelope = _Envelope()
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        raise Unknown(envelope.type, envelope.event_id) from None
    path = ".".join(str(part) for part in first["loc"][1:] if part not in _UNION_MEMBERS)
    raise Invalid(path, first["msg"], envelope.event_id) from None
