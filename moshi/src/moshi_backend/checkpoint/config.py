"""The configuration files of a checkpoint, config.json and Mimi's, checked before anything is made from them.

The checks keep sizes in bounds, so that building the model cannot take unbounded memory. Options without a size are
left to upstream's own constructors; `moshi_backend.checkpoint.fit` runs those without memory for the weights.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from moshi_backend.errors import LoadError, one_line, structure
from moshi_backend.errors import checkpoints as errors
from moshi_service.errors import InvalidValue

CONFIG_BYTES = 2**20
"""Of a configuration file. The released ones have 1 to 3 kB."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a Git LFS pointer begins."""

type Width = Annotated[int, Field(ge=1, le=2**20)]
type Layers = Annotated[int, Field(ge=1, le=256)]
type Streams = Annotated[int, Field(ge=1, le=64)]
type Vocabulary = Annotated[int, Field(ge=2, le=2**22)]
type Steps = Annotated[int, Field(ge=2, le=2**20)]
type Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
type FileName = Annotated[str, Field(min_length=1, max_length=500)]
type Kernel = Annotated[int, Field(ge=1, le=256)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class _Sampling(_Checked):
    temp: float = Field(0.8, ge=0, le=100, allow_inf_nan=False)
    temp_text: float = Field(0.7, ge=0, le=100, allow_inf_nan=False)
    top_k: int = Field(250, ge=0, le=2**22)
    top_k_text: int = Field(25, ge=0, le=2**22)
    use_sampling: bool = True


class _Files(_Checked):
    """The part that every config.json may have. Defaults are upstream's."""

    moshi_name: FileName = "-"
    mimi_name: FileName = "-"
    tokenizer_name: FileName = "-"
    mimi_config_name: FileName | None = None
    lora_name: FileName | None = None
    lora: bool | None = None
    lora_rank: Width | None = None
    lora_scaling: Positive = 2.0
    model_type: str = "moshi"
    lm_gen_config: _Sampling = _Sampling()
    tts_config: dict[str, Any] = {}
    stt_config: dict[str, Any] = {}


class _LanguageModel(_Checked):
    """The sizes of the language model."""

    dim: Width
    n_q: Streams
    dep_q: Annotated[int, Field(ge=0, le=64)]
    num_layers: Layers
    delays: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=65)]
    card: Vocabulary = 1024
    text_card: Vocabulary = 32_000
    text_card_out: Vocabulary | None = None
    num_heads: Width = 8
    hidden_scale: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 4
    context: Steps
    max_period: Positive = 10_000
    depformer_dim: Width = 256
    depformer_dim_feedforward: Width | Annotated[list[Width], Field(max_length=64)] | None = None
    depformer_num_heads: Width | None = None
    depformer_num_layers: Layers | None = None
    depformer_context: Width | None = None
    depformer_max_period: Positive | None = None
    depformer_weights_per_step_schedule: (
        Annotated[list[Annotated[int, Field(ge=0, le=63)]], Field(min_length=1, max_length=64)] | None
    ) = None
    depformer_low_rank_embeddings: Width | None = None
    existing_text_padding_id: Annotated[int, Field(ge=0, le=2**22)] = 3
    existing_text_end_padding_id: Annotated[int, Field(ge=0, le=2**22)] = 0
    extra_heads_num_heads: Annotated[int, Field(ge=0, le=64)] = 0
    extra_heads_dim: Width = 6
    causal: Literal[True] = True

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if len(self.delays) != self.n_q + 1:
            raise InvalidValue(errors.config_delays(self.n_q, self.n_q + 1))
        if self.dep_q > self.n_q:
            raise InvalidValue(errors.config_depformer_streams(self.dep_q, self.n_q))
        if self.dim % self.num_heads or self.dim // self.num_heads % 2:
            raise InvalidValue(errors.config_heads("dim", self.dim, self.num_heads))
        heads = self.depformer_num_heads or self.num_heads
        if self.dep_q and self.depformer_dim % heads:
            raise InvalidValue(errors.config_depformer_heads(self.depformer_dim, heads))
        for option in ("conditioners", "fuser"):
            if (self.model_extra or {}).get(option):
                raise InvalidValue(structure.unsupported_conditions())
        return self


class _Seanet(_Checked):
    dimension: Width
    n_filters: Annotated[int, Field(ge=1, le=4096)]
    n_residual_layers: Annotated[int, Field(ge=0, le=16)]
    ratios: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1, max_length=8)]
    kernel_size: Kernel = 7
    last_kernel_size: Kernel = 7
    residual_kernel_size: Kernel = 3
    dilation_base: Annotated[int, Field(ge=1, le=16)] = 2
    compress: Annotated[int, Field(ge=1, le=256)] = 2


class _Quantizer(_Checked):
    dimension: Width
    n_q: Annotated[int, Field(ge=2, le=256)]
    bins: Vocabulary
    input_dimension: Width
    output_dimension: Width


class _Transformer(_Checked):
    d_model: Width
    num_heads: Width
    num_layers: Layers
    context: Steps
    dim_feedforward: Width = 2048
    max_period: Positive = 10_000
    input_dimension: Width
    output_dimensions: Annotated[list[Width], Field(min_length=1, max_length=1)]

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.d_model % self.num_heads or self.d_model // self.num_heads % 2:
            raise InvalidValue(errors.config_heads("d_model", self.d_model, self.num_heads))
        return self


class _Mimi(_Checked):
    """The codec. The service's protocol and its clock are made for 24 kHz and 12.5 frames a second."""

    sample_rate: Literal[24_000]
    channels: Literal[1]
    frame_rate: Annotated[float, Field(ge=12.5, le=12.5)]
    seanet: _Seanet
    quantizer: _Quantizer
    transformer: _Transformer


MODEL_TYPES = ("moshi", "personaplex")
"""What this service converses with. Kyutai's other models have the same files."""

TRANSFORMERS = ("hidden_size", "num_hidden_layers", "depth_decoder_config", "audio_encoder_config")
"""Keys of a configuration that the transformers library wrote."""

DESCRIBING = ("dim", "n_q", "dep_q", "num_layers", "delays", "context")
"""What config.json must say of the language model if it says anything of it. PersonaPlex's says nothing."""


def read_config(path: Path) -> dict[str, Any]:
    """A checkpoint's config.json.

    Raises:
        LoadError: it is damaged, of another kind, or describes a model that cannot be built.
    """
    content = _read(path)
    if not describes_model(content) and any(key in content for key in TRANSFORMERS):
        raise LoadError(errors.transformers_format(path))
    _check(path, _Files, content)
    if describes_model(content) and content.get("model_type", "moshi") in MODEL_TYPES:
        _check(path, _LanguageModel, content)
    return content


def describes_model(content: dict[str, Any]) -> bool:
    """Whether a config.json says of what size the language model is."""
    return any(key in content for key in DESCRIBING)


def read_mimi_config(path: Path) -> dict[str, Any]:
    """A codec's configuration.

    Raises:
        LoadError: it is damaged, or describes a codec that cannot be built.
    """
    content = _read(path)
    _check(path, _Mimi, content)
    return content


def refuse_pointer(path: Path) -> None:
    """Look at how a file begins.

    Raises:
        LoadError: instead of the file there is what Git without Git LFS leaves of it, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(POINTER))
    except OSError as error:
        raise LoadError(errors.file_unreadable(path, error.strerror)) from None
    if begins == POINTER:
        raise LoadError(errors.lfs_pointer(path, path.parent))


def _read(path: Path) -> dict[str, Any]:
    refuse_pointer(path)
    try:
        if path.stat().st_size > CONFIG_BYTES:
            raise LoadError(errors.config_too_large(path, CONFIG_BYTES))
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        why = one_line(error, 160)
        raise LoadError(errors.file_damaged(path, why, path.resolve())) from None
    if not isinstance(content, dict):
        raise LoadError(errors.config_of_something_else(path))
    return content


def _check(path: Path, kind: type[BaseModel], content: dict[str, Any]) -> None:
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise LoadError(errors.config_incomplete(path, where)) from None
        cause = first.get("ctx", {}).get("error")
        why = cause.problem if isinstance(cause, InvalidValue) else one_line(first["msg"], 200)
        if not where:
            raise LoadError(errors.config_wrong(path, why)) from None
        value = one_line(json.dumps(first["input"])[:1000], 60)
        raise LoadError(errors.config_value_wrong(path, where, value, why)) from None
