"""Which kind of model a checkpoint has, and whether this service can converse with a model of its shape."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moshi.models.loaders import _lm_kwargs, _mimi_config
from safetensors import safe_open

from moshi_backend.checkpoint.checkpoint import Checkpoint, Kind
from moshi_backend.checkpoint.config import describes_model
from moshi_backend.checkpoint.lora import KEYS as LORA_KEYS
from moshi_backend.errors import LoadError
from moshi_backend.errors import checkpoints as errors

PERSONAPLEX = "personaplex"
"""The model type that config.json of a PersonaPlex declares."""

NOT_OF_THE_MODEL = (
    "moshi_name",
    "mimi_name",
    "mimi_config_name",
    "tokenizer_name",
    "lora_name",
    "model_type",
    "model_id",
    "lm_gen_config",
    "tts_config",
    "stt_config",
    *LORA_KEYS,
)
"""Keys of config.json that are no options of the language model."""


def depformer_steps(weights: Path) -> int:
    """Codebooks that the weights predict: one output layer each."""
    with safe_open(weights, "pt") as file:  # type: ignore[no-untyped-call]
        return sum(name.startswith("linears.") and name.endswith(".weight") for name in file.keys())  # noqa: SIM118


def kind_of(declared: Mapping[str, Any], steps: int) -> Kind:
    """The kind that config.json declares. If it declares nothing, the weights tell.

    A PersonaPlex has a depformer step for each codebook, also for those of the user.

    Args:
        declared: the content of config.json.
        steps: depformer steps that the weights have.
    """
    if "model_type" in declared:
        return "personaplex" if declared["model_type"] == PERSONAPLEX else "moshi"
    if "n_q" in declared or "dep_q" in declared:
        return "moshi"
    return "personaplex" if steps == _lm_kwargs["n_q"] else "moshi"


def language_model_config(declared: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """Every option of upstream's LMModel: those of config.json, or the released 7B model's where it names no sizes.

    Of a PersonaPlex it has only the depformer steps that are loaded, those of the model's own codebooks.
    """
    own = {key: value for key, value in declared.items() if key not in NOT_OF_THE_MODEL}
    config = own if describes_model(own) else dict(_lm_kwargs)
    return config | {"dep_q": config["n_q"] // 2} if kind == "personaplex" else config


def mimi_config(own: Mapping[str, Any] | None) -> dict[str, Any]:
    """Every option of upstream's Mimi: those of its own file, or the released one's where there is none."""
    return dict(_mimi_config if own is None else own)


def check_shape(checkpoint: Checkpoint, name: str, steps: int) -> None:
    """Refuse a shape that cannot converse, or that its files do not have.

    Args:
        name: of the model, for the message.
        steps: depformer steps that the weights have.
    Raises:
        LoadError: says which numbers do not fit.
    """
    streams, predicted = checkpoint.lm_config.get("n_q", 8), checkpoint.lm_config.get("dep_q", 8)
    books = checkpoint.mimi_config["quantizer"]["n_q"]
    if predicted >= streams:
        raise LoadError(errors.model_hears_nothing(name, streams, predicted))
    # Without any steps the file is no language model, and `check_fit` says so.
    if checkpoint.kind == "moshi" and steps and predicted != steps:
        raise LoadError(errors.depformer_differs(name, predicted, steps))
    if max(predicted, streams - predicted) > books:
        raise LoadError(errors.mimi_too_small(name, predicted, streams - predicted, books))
