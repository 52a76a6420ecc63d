"""Every setting of the service. Each is an environment variable."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moshi_service.settings import ServiceSettings, Token


class Settings(ServiceSettings):
    """The environment variables of the service, each `MOSHI_` and the field's name."""

    model_config = SettingsConfigDict(env_prefix="MOSHI_")

    port: int = Field(8998, ge=0, le=65535)
    """Port to listen on, 0 to 65535. 0 takes any free one."""

    model: str = Field("demo", min_length=1)
    """`demo` (ships with the service), a Hugging Face repository id, or a folder with a checkpoint."""

    revision: str | None = None
    """Branch, tag or commit of the Hugging Face repository."""

    lora: str | None = Field(None, min_length=1)
    """LoRA adapters for the model: the folder or file that moshi-finetune wrote, or a repository (`owner/name`)."""

    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto` (a GPU if PyTorch can use one, else the CPU), `cpu`, `cuda` or `cuda:N`."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights. `auto`: bfloat16 on a GPU, float32 on a CPU."""

    allow_slow: bool = False
    """Whether a model that is far too large for it may run on a CPU: it answers, many times too slowly."""

    slots: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = "auto"
    """Conversations at the same time: a number from 1 to 256, or `auto` for what fits and keeps up."""

    context: int | None = Field(None, ge=2)
    """Steps of 80 ms that the language model remembers, if fewer than it can: less memory for each conversation."""

    kv: Literal["auto", "int8"] = "auto"
    """Keys and values of conversations: as the weights (`auto`), or in 8 bits (`int8`), which halves their memory."""

    kernels: Literal["auto", "off"] = "auto"
    """Kernels of the service's own on a GPU: `auto` checks and uses them, `off` uses only PyTorch's."""

    voices: Path | None = None
    """Folder with recordings (`.wav`, 1 to 30 s of speech) and saved prompts (`.pt`) of voices to choose from."""

    default_voice: str | None = None
    """Voice of who chooses none. A PersonaPlex has its first one by itself."""

    text_prompts: Literal["free", "presets", "off"] = "free"
    """The roles that clients may give a PersonaPlex: any (`free`), one of the `presets`, or none (`off`)."""

    prompt_tokens: int = Field(400, ge=1, le=1000)
    """Longest text prompt, in tokens; also a third of MOSHI_CONTEXT at most. 400 hold about 1500 letters of English."""

    presets: Path | None = None
    """JSON file with roles to choose from, a list of {"id", "name", "text"}. Without it those of the service."""

    voice_memory: int = Field(1024, ge=0)
    """MiB of the host's memory for voices as the model has read them, so that the next conversation begins at once."""

    queue: int = Field(8, ge=0, le=1000)
    """Clients who may wait when every slot is in use. 0 to refuse them."""

    session_seconds: float = Field(1800, ge=0, allow_inf_nan=False)
    """After so long a conversation is ended, with a warning before. 0 for never."""

    idle_seconds: float = Field(60, ge=0, allow_inf_nan=False)
    """After so long without audio from its client a conversation is ended, with a warning before. 0 for never."""

    drain_seconds: float = Field(30, ge=0, allow_inf_nan=False)
    """Seconds that live conversations have left when the service is told to stop (SIGTERM)."""

    tls: Literal["off", "auto", "files"] = "auto"
    """`auto` makes a certificate on first run; `files` takes MOSHI_TLS_CERT and MOSHI_TLS_KEY; `off` is plain HTTP."""

    api_token: Token | None = None
    """Secret that clients have to send as `Authorization: Bearer`. The frontend reads it from the same variable."""

    connections_per_address: int = Field(0, ge=0)
    """Connections of one address at the same time, 0 for any number. Behind the frontend all have its address."""

    log_text: bool = False
    """Whether what the model says goes into the log. Otherwise nothing that is said does."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines of the service itself from this level on; `debug` has the details of a model that does not load."""


def load_settings() -> Settings:
    """See `ServiceSettings.load`."""
    return Settings.load()
