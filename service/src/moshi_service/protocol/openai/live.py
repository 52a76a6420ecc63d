"""The events of the Live API (`WS /v1/live/sessions`): continuous audio in both directions, without turns."""

from typing import Annotated, Literal, override

from pydantic import Field, TypeAdapter

from moshi_service.protocol.openai.common import (
    AudioFormat,
    ClientMessage,
    ErrorType,
    Few,
    Incoming,
    Message,
    Outgoing,
    PcmFormat,
    VoiceId,
    new_id,
)


class OutputSettings(Incoming):
    """The voice that a client chooses."""

    voice: str | VoiceId | None = None


class AudioSettings(Incoming):
    """Both directions have the same format."""

    format: AudioFormat | None = None
    output: OutputSettings = OutputSettings()


class SessionSettings(Incoming):
    """The settings of a session. All others of OpenAI have no effect here."""

    model: str | None = None
    instructions: str | None = None
    audio: AudioSettings = AudioSettings()
    input: Few[Message] = Field(default_factory=list)
    store: bool | None = None

    def ignored(self) -> list[str]:
        """The paths of the settings that have no effect."""
        audio = [f"audio.{name}" for name in self.audio.undeclared()]
        return self.undeclared() + audio + [f"audio.output.{name}" for name in self.audio.output.undeclared()]


class SessionStart(ClientMessage):
    """The first message: the client enters the queue."""

    type: Literal["session.start"]
    session: SessionSettings = SessionSettings()


class SessionUpdate(ClientMessage):
    """Nothing can be changed after the start. The answer says what is in effect."""

    type: Literal["session.update"]


class InputAudioAppend(ClientMessage):
    """Audio of the user: base64 of any number of bytes."""

    type: Literal["session.input_audio.append"]
    audio: str


class InputAudioMute(ClientMessage):
    """The model hears silence from now on."""

    type: Literal["session.input_audio.mute"]


class InputAudioUnmute(ClientMessage):
    """The model hears the input again."""

    type: Literal["session.input_audio.unmute"]


class SessionClose(ClientMessage):
    """The client ends the session."""

    type: Literal["session.close"]


type ClientEvent = Annotated[
    SessionStart | SessionUpdate | InputAudioAppend | InputAudioMute | InputAudioUnmute | SessionClose,
    Field(discriminator="type"),
]

CLIENT: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


class ServerEvent(Outgoing):
    """A message to the client. `client_event_id` is the `event_id` of the message that it answers."""

    event_id: str = Field(default_factory=lambda: new_id("event"))
    client_event_id: str | None = None

    def message(self) -> str:
        """The text of the WebSocket message, without fields that are null."""
        return self.model_dump_json(exclude_none=True)


class OutputVoice(Outgoing):
    """The voice of the model, by its name in `/api/info`, or `default`."""

    voice: str


class SessionAudio(Outgoing):
    """The audio of a session."""

    format: PcmFormat = PcmFormat()
    output: OutputVoice


class Session(Outgoing):
    """The session as it is in effect."""

    id: str = Field(description="The session's name in the service's log")
    object: Literal["live.session"] = "live.session"
    model: str
    instructions: str
    audio: SessionAudio
    expires_at: int = Field(description="Seconds since 1970")
    status: Literal["active"] = "active"
    store: Literal[False] = False


class SessionStarted(ServerEvent):
    """The model has read voice and role, and hears the client from now on."""

    type: Literal["session.started"] = "session.started"
    session: Session


class SessionUpdated(ServerEvent):
    """The answer to `session.update`."""

    type: Literal["session.updated"] = "session.updated"
    session: Session


class InputAudioMuted(ServerEvent):
    """The answer to `session.input_audio.mute`."""

    type: Literal["session.input_audio.muted"] = "session.input_audio.muted"


class InputAudioUnmuted(ServerEvent):
    """The answer to `session.input_audio.unmute`."""

    type: Literal["session.input_audio.unmuted"] = "session.input_audio.unmuted"


class OutputAudioDelta(Outgoing):
    """80 ms of the model's sound. It has no `event_id`, like OpenAI's."""

    type: Literal["session.output_audio.delta"] = "session.output_audio.delta"
    delta: str

    def message(self) -> str:
        """See `ServerEvent.message`."""
        return self.model_dump_json()


class OutputTranscriptDelta(ServerEvent):
    """A piece of the model's words, with its place in the session's sound."""

    type: Literal["session.output_transcript.delta"] = "session.output_transcript.delta"
    delta: str
    start_ms: int
    end_ms: int


class Info(ServerEvent):
    """News of the session: `queue`, `prefill`, `warning_session`, `warning_idle` or `warning_draining`."""

    type: Literal["info"] = "info"
    code: str
    message_: str = Field(serialization_alias="message")

    @override
    def message(self) -> str:
        return self.model_dump_json(exclude_none=True, by_alias=True)


class ErrorDetail(Outgoing):
    """The mistake, and the remedy."""

    type: ErrorType
    code: str
    message: str
    param: str | None = None
    client_event_id: str | None = None


class ErrorEvent(ServerEvent):
    """A message could not be served, or the service ends the session."""

    type: Literal["error"] = "error"
    error: ErrorDetail


class Usage(Outgoing):
    """The length of the session's sound."""

    seconds: float


class SessionClosed(ServerEvent):
    """The session is over. The close frame follows."""

    type: Literal["session.closed"] = "session.closed"
    reason: Literal["close_requested", "expired", "connection_lost"]
    session: Session
    usage: Usage
