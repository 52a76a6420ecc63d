"""The answer of moshi's `/api/info`: what it runs, what it has room for, and what clients may choose."""

from typing import Literal

from pydantic import BaseModel, Field

from moshi_service.health import Health


class Upstream(BaseModel):
    """The vendored release of Moshi."""

    version: str
    commit: str


class Model(BaseModel):
    """The model that answers."""

    id: str = Field(description="MOSHI_MODEL, or the name of its folder")
    revision: str | None
    demo: bool = Field(description="Whether it is the demo model, which understands no words")


class Slots(BaseModel):
    """Conversations at the same time."""

    total: int = Field(description="Conversations that fit; 0 until the model is loaded")
    used: int


class Limits(BaseModel):
    """Seconds of 0 mean: no limit."""

    queue: int = Field(description="Clients who may wait")
    session_seconds: float
    idle_seconds: float
    drain_seconds: float
    message_bytes: int
    input_backlog_frames: int
    output_backlog_frames: int


class Setting(BaseModel):
    """A query parameter that a client may send."""

    type: Literal["integer", "number"]
    minimum: int | float
    maximum: int | float
    default: float | None = Field(description="The model's own value; null for a seed, which is then drawn")


class VoiceChoice(BaseModel):
    """A value of the query parameter `voice_prompt`."""

    id: str
    seconds: float = Field(description="Time that the model listens to the voice before the conversation")


class PresetChoice(BaseModel):
    """A role with a name."""

    id: str
    name: str
    text: str = Field(description="The value for `text_prompt`")
    tokens: int = Field(description="Length of the text")


class Personas(BaseModel):
    """The values that the query parameters `voice_prompt` and `text_prompt` take.

    Each token of a text is a step, of which the model remembers `context_seconds` / 0.08.
    """

    voices: list[VoiceChoice]
    default_voice: str | None
    text_prompt: Literal["free", "presets", "off"] = Field(description="Any text, the text of a preset, or none")
    presets: list[PresetChoice]
    max_characters: int = Field(description="Length of the longest text that is taken")
    max_tokens: int = Field(description="Length of the longest text that is taken")


class Info(BaseModel):
    """Fields that depend on the model are null, and `settings` is empty, until the model is loaded."""

    service: Literal["scenario6-moshi"] = "scenario6-moshi"
    version: str
    health: Health = Field(description="The answer of `/health`, so that one request tells everything")
    upstream: Upstream
    model: Model
    device: str | None
    dtype: str | None
    sample_rate: int | None = Field(description="Hz")
    frame_size: int | None = Field(description="Samples")
    context_seconds: float | None = Field(description="How far back the model remembers")
    slot_bytes: int | None = Field(description="Memory of a slot")
    kernels: str | None = Field(None, description="Whether the service's own kernels for a GPU are in use, or why not")
    slots: Slots
    queue: int = Field(description="Clients who wait")
    limits: Limits
    uptime_seconds: float
    settings: dict[str, Setting] = Field(description="Query parameters that a client may send for its conversation")
    personas: Personas | None = Field(description="Null where there are no voices and no roles to choose from")
