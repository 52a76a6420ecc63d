"""The events of `/api/chat?protocol=2`: JSON in messages of kind metadata, from the service to the client.

docs/reference/events.schema.json is their JSON schema, and the page's types are generated from it.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from moshi_service.protocol.wire import Kind

ERROR = "The code of the error in docs/reference/troubleshooting.md, or null"

WarningCause = Literal["session", "idle", "draining"]


class _Event(BaseModel):
    """A reader ignores fields that it does not know, so that another version of the service may add some."""

    model_config = ConfigDict(frozen=True)

    def message(self) -> bytes:
        """The WebSocket message that carries the event."""
        return bytes([Kind.METADATA]) + self.model_dump_json().encode()


class QueueEvent(_Event):
    """The client waits for a slot. Sent at once, when the client moves up, and every 5 s."""

    type: Literal["queue"] = "queue"
    position: int = Field(description="1 is next")
    wait_seconds: int | None = Field(description="An estimate; null until a conversation has ended")
    longest_wait_seconds: int | None = Field(
        default=None, description="An upper bound; null if conversations have no time limit"
    )


class PrefillEvent(_Event):
    """The model reads the conversation's voice and role."""

    type: Literal["prefill"] = "prefill"
    done: int = Field(description="Steps read")
    total: int = Field(description="Steps to read")
    seconds: float | None = Field(description="Estimate of the time left; null while nothing is known")


class SessionSettings(TypedDict):
    """The settings that give the same conversation again, by the names of the query parameters.

    A seed above 2^53 is a string, because JavaScript would round the number.
    """

    voice_prompt: NotRequired[str]
    text_prompt: NotRequired[str]
    text_temperature: float
    text_topk: int
    text_seed: int | str
    audio_temperature: float
    audio_topk: int
    audio_seed: int | str


class PrefillSummary(BaseModel):
    """How the model read the voice and the role."""

    steps: int
    seconds: float = Field(description="From the slot until the end of the prefill")
    remembered: bool = Field(description="Whether an earlier conversation's voice was reused")


class SessionEvent(_Event):
    """The conversation begins. Sent before the handshake."""

    type: Literal["session"] = "session"
    id: str = Field(description="The session's name in the service's log")
    settings: SessionSettings
    prefill: PrefillSummary | None = Field(default=None, description="Null without voice and role")


class StatsEvent(_Event):
    """Sent about once a second."""

    type: Literal["stats"] = "stats"
    step_ms: float = Field(description="Duration of the model's last step")
    lag_ms: float = Field(description="From the arrival of this conversation's last frame until its answer")
    backlog_frames: int = Field(description="Input that waits for the model")
    dropped_frames: int = Field(description="Input dropped since the beginning")


class WarningEvent(_Event):
    """The service will end the conversation.

    Reasons: its time limit (`session`), no audio comes (`idle`; void as soon as some comes), or the service stops
    (`draining`).
    """

    type: Literal["warning"] = "warning"
    why: WarningCause
    seconds: int = Field(description="Time left")


class EndEvent(_Event):
    """The service ends the conversation. The close frame follows, with the same code."""

    type: Literal["end"] = "end"
    code: int = Field(description="A close code")
    reason: str
    retry_after: int | None = Field(
        default=None, description="Seconds after which to try again; null where the service does not know"
    )
    error: str | None = Field(default=None, description=ERROR)


type ServerEvent = Annotated[
    QueueEvent | PrefillEvent | SessionEvent | StatsEvent | WarningEvent | EndEvent, Field(discriminator="type")
]

ADAPTER: TypeAdapter[ServerEvent] = TypeAdapter(ServerEvent)


def parse(payload: bytes) -> ServerEvent:
    """The event in a metadata message, whose first byte is taken off.

    Raises:
        ValueError: the payload is not JSON, or not an event of this version.
    """
    return ADAPTER.validate_json(payload)
