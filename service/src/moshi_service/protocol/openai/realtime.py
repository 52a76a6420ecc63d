"""The events of the Realtime API (`WS /v1/realtime`): utterances of the model as responses."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, field_validator

from moshi_service.protocol.openai.common import (
    AudioFormat,
    ClientMessage,
    ErrorType,
    EventId,
    Few,
    Incoming,
    Message,
    Outgoing,
    PcmFormat,
    VoiceId,
    new_id,
)

OLD_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
"""Words for audio formats before the API had objects for them."""


def _format(value: object) -> object:
    return {"type": OLD_FORMATS.get(value, value)} if isinstance(value, str) else value


class InputSettings(Incoming):
    """The user's audio."""

    format: AudioFormat | None = None
    _object = field_validator("format", mode="before")(_format)


class OutputSettings(Incoming):
    """The model's audio."""

    format: AudioFormat | None = None
    voice: str | VoiceId | None = None
    speed: float | None = None
    _object = field_validator("format", mode="before")(_format)


class AudioSettings(Incoming):
    """Both directions."""

    input: InputSettings = InputSettings()
    output: OutputSettings = OutputSettings()


class SessionSettings(Incoming):
    """The settings of a session, with the names that the API had before `audio`. Others have no effect here."""

    type: str = "realtime"
    model: str | None = None
    instructions: str | None = None
    audio: AudioSettings = AudioSettings()
    output_modalities: Few[str] | None = None
    modalities: Few[str] | None = None
    voice: str | VoiceId | None = None
    input_audio_format: AudioFormat | None = None
    output_audio_format: AudioFormat | None = None
    temperature: float | None = None
    store: bool | None = None
    _object = field_validator("input_audio_format", "output_audio_format", mode="before")(_format)

    @property
    def formats(self) -> list[AudioFormat]:
        """Every format that the client asks for."""
        asked = (self.audio.input.format, self.audio.output.format, self.input_audio_format, self.output_audio_format)
        return [one for one in asked if one is not None]

    def ignored(self) -> list[str]:
        """The paths of the settings that have no effect."""
        audio = [f"audio.{name}" for name in self.audio.undeclared()]
        inward = [f"audio.input.{name}" for name in self.audio.input.undeclared()]
        outward = [f"audio.output.{name}" for name in self.audio.output.undeclared()]
        speed = ["audio.output.speed"] if self.audio.output.speed not in (None, 1.0) else []
        return self.undeclared() + audio + inward + outward + speed


class SessionUpdate(ClientMessage):
    """Settings. Voice and role count until the conversation begins."""

    type: Literal["session.update"]
    session: SessionSettings = SessionSettings()


class InputAudioAppend(ClientMessage):
    """Audio of the user: base64 of any number of bytes."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class InputAudioCommit(ClientMessage):
    """Has no effect: the model hears everything at once."""

    type: Literal["input_audio_buffer.commit"]


class InputAudioClear(ClientMessage):
    """Drops the input that the model has not heard yet."""

    type: Literal["input_audio_buffer.clear"]


class OutputAudioClear(ClientMessage):
    """The same as `response.cancel`."""

    type: Literal["output_audio_buffer.clear"]


class ResponseCreate(ClientMessage):
    """Not possible: the model speaks when it decides to."""

    type: Literal["response.create"]


class ResponseCancel(ClientMessage):
    """The client does not want to hear the rest of this response."""

    type: Literal["response.cancel"]


class ItemCreate(ClientMessage):
    """Adds a message to the conversation."""

    type: Literal["conversation.item.create"]
    item: Message


class ItemRetrieve(ClientMessage):
    """Asks for an item."""

    type: Literal["conversation.item.retrieve"]
    item_id: EventId


class ItemDelete(ClientMessage):
    """Removes an item from the record."""

    type: Literal["conversation.item.delete"]
    item_id: EventId


class ItemTruncate(ClientMessage):
    """The client played only a part of an item. Only its own record changes."""

    type: Literal["conversation.item.truncate"]
    item_id: EventId
    content_index: int = 0
    audio_end_ms: int = 0


type ClientEvent = Annotated[
    SessionUpdate
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | OutputAudioClear
    | ResponseCreate
    | ResponseCancel
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate,
    Field(discriminator="type"),
]

CLIENT: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


class ServerEvent(Outgoing):
    """A message to the client."""

    event_id: str = Field(default_factory=lambda: new_id("event"))

    def message(self) -> str:
        """The text of the WebSocket message."""
        return self.model_dump_json()


class SessionInput(Outgoing):
    """The user's audio: nobody transcribes it, and nobody detects turns."""

    format: PcmFormat = PcmFormat()
    noise_reduction: None = None
    transcription: None = None
    turn_detection: None = None


class SessionOutput(Outgoing):
    """The model's audio."""

    format: PcmFormat = PcmFormat()
    voice: str
    speed: float = 1.0


class SessionAudio(Outgoing):
    """Both directions."""

    input: SessionInput = SessionInput()
    output: SessionOutput


class Session(Outgoing):
    """The session as it is in effect."""

    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    instructions: str
    output_modalities: tuple[Literal["audio"], ...] = ("audio",)
    audio: SessionAudio
    tools: tuple[()] = ()
    tool_choice: Literal["auto"] = "auto"
    max_output_tokens: Literal["inf"] = "inf"
    tracing: None = None
    expires_at: int = Field(description="Seconds since 1970")


class SessionCreated(ServerEvent):
    """The first message."""

    type: Literal["session.created"] = "session.created"
    session: Session


class SessionUpdated(ServerEvent):
    """The answer to `session.update`."""

    type: Literal["session.updated"] = "session.updated"
    session: Session


class ErrorDetail(Outgoing):
    """The mistake, and the remedy. `event_id`: of the client's message."""

    type: ErrorType
    code: str
    message: str
    param: str | None = None
    event_id: str | None = None


class ErrorEvent(ServerEvent):
    """A message could not be served, or the service ends the session."""

    type: Literal["error"] = "error"
    error: ErrorDetail


class InputAudioCommitted(ServerEvent):
    """The answer to `input_audio_buffer.commit`."""

    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    item_id: str
    previous_item_id: str | None = None


class InputAudioCleared(ServerEvent):
    """The answer to `input_audio_buffer.clear`."""

    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class Content(Outgoing):
    """A part of an item. Texts of clients have `text`, and utterances of the model have `transcript`."""

    type: str
    text: str | None = None
    transcript: str | None = None


class Item(Outgoing):
    """An item of the conversation."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["message"] = "message"
    status: Literal["in_progress", "completed", "incomplete"]
    role: Literal["system", "user", "assistant"]
    content: tuple[Content, ...] = ()


class _ItemEvent(ServerEvent):
    previous_item_id: str | None = None
    item: Item


class ItemAdded(_ItemEvent):
    """The conversation has a new item."""

    type: Literal["conversation.item.added"] = "conversation.item.added"


class ItemDone(_ItemEvent):
    """The item is complete."""

    type: Literal["conversation.item.done"] = "conversation.item.done"


class ItemRetrieved(ServerEvent):
    """The answer to `conversation.item.retrieve`."""

    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: Item


class ItemDeleted(ServerEvent):
    """The answer to `conversation.item.delete`."""

    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"
    item_id: str


class ItemTruncated(ServerEvent):
    """The answer to `conversation.item.truncate`."""

    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    item_id: str
    content_index: int
    audio_end_ms: int


type Status = Literal["completed", "cancelled", "incomplete"]


class StatusDetails(Outgoing):
    """Why a response did not complete."""

    type: Status
    reason: Literal["client_cancelled"] | None = None


class TokenDetails(Outgoing):
    """Tokens by their kind."""

    text_tokens: int = 0
    audio_tokens: int = 0


class InputTokenDetails(TokenDetails):
    """Tokens of the input."""

    cached_tokens: int = 0


class Usage(Outgoing):
    """Frames of a response count as its audio tokens."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails = InputTokenDetails()
    output_token_details: TokenDetails = TokenDetails()


class ResponseAudio(Outgoing):
    """The audio of a response."""

    output: SessionOutput


class Response(Outgoing):
    """An utterance of the model."""

    id: str
    object: Literal["realtime.response"] = "realtime.response"
    status: Status | Literal["in_progress"]
    status_details: StatusDetails | None = None
    conversation_id: str
    output: tuple[Item, ...] = ()
    output_modalities: tuple[Literal["audio"], ...] = ("audio",)
    audio: ResponseAudio
    max_output_tokens: Literal["inf"] = "inf"
    usage: Usage | None = None
    metadata: None = None


class ResponseCreated(ServerEvent):
    """The model begins to speak."""

    type: Literal["response.created"] = "response.created"
    response: Response


class ResponseDone(ServerEvent):
    """The utterance is over."""

    type: Literal["response.done"] = "response.done"
    response: Response


class _OfItem(ServerEvent):
    response_id: str
    output_index: int = 0
    item: Item


class OutputItemAdded(_OfItem):
    """The response has its item."""

    type: Literal["response.output_item.added"] = "response.output_item.added"


class OutputItemDone(_OfItem):
    """The response's item is complete."""

    type: Literal["response.output_item.done"] = "response.output_item.done"


class _OfContent(ServerEvent):
    response_id: str
    item_id: str
    output_index: int = 0
    content_index: int = 0


class ContentPartAdded(_OfContent):
    """The item has its part with sound and words."""

    type: Literal["response.content_part.added"] = "response.content_part.added"
    part: Content


class ContentPartDone(_OfContent):
    """The part is complete."""

    type: Literal["response.content_part.done"] = "response.content_part.done"
    part: Content


class AudioDelta(_OfContent):
    """80 ms of the model's sound."""

    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    delta: str


class AudioDone(_OfContent):
    """The sound is complete."""

    type: Literal["response.output_audio.done"] = "response.output_audio.done"


class TranscriptDelta(_OfContent):
    """A piece of the model's words."""

    type: Literal["response.output_audio_transcript.delta"] = "response.output_audio_transcript.delta"
    delta: str


class TranscriptDone(_OfContent):
    """All words of the utterance."""

    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    transcript: str
