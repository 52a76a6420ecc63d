"""Whether this service can converse with a model of the shape that its checkpoint declares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moshi.models.loaders import CheckpointInfo, _lm_kwargs, _mimi_config
from safetensors import safe_open

from moshi_backend.errors import LoadError

PERSONAPLEX = "personaplex"
"""The model type that config.json of a PersonaPlex declares."""


def depformer_steps(weights: Path) -> int:
    """Audio streams that the weights predict: one output layer each."""
    with safe_open(weights, "pt") as file:  # type: ignore[no-untyped-call]
        return sum(name.startswith("linears.") and name.endswith(".weight") for name in file.keys())  # noqa: SIM118


def is_personaplex(info: CheckpointInfo) -> bool:
    """Whether a checkpoint is a PersonaPlex: config.json says so, or it declares nothing and the weights tell.

    A PersonaPlex has a depformer step for each audio stream, also for those that it hears.
    """
    declared: Mapping[str, Any] = info.raw_config or {}
    if "model_type" in declared:
        return bool(declared["model_type"] == PERSONAPLEX)
    if "n_q" in declared or "dep_q" in declared:
        return False
    return bool(depformer_steps(info.moshi_weights) == _lm_kwargs["n_q"])


def check_shape(info: CheckpointInfo, name: str, steps: int) -> None:
    """Refuse a shape that cannot converse, or that its files do not have.

    Args:
        name: of the model, for the message.
        steps: depformer steps that the weights have.
    Raises:
        LoadError: says which numbers do not fit.
    """
    config: Mapping[str, Any] = _lm_kwargs if info.lm_config is None else info.lm_config
    streams, said = config.get("n_q", 8), config.get("dep_q", 8)
    books = (info.mimi_config or _mimi_config)["quantizer"]["n_q"]
    if said >= streams:
        raise LoadError(
            f"{name} declares n_q {streams} and dep_q {said}: the model says every stream and hears none, so it cannot "
            f'converse. Only if it is a PersonaPlex, put "model_type": "{PERSONAPLEX}" into its config.json'
        )
    if steps and said != steps:  # without any, the file is no language model: `check_fit` says so
        raise LoadError(
            f"{name} declares dep_q {said}, and its weights have {steps} depformer steps: take the config.json that "
            f'belongs to these weights. If it is a PersonaPlex, put "model_type": "{PERSONAPLEX}" into it'
        )
    if max(said, streams - said) > books:
        raise LoadError(
            f"{name} says {said} and hears {streams - said} codes a frame, and its Mimi has {books} codebooks: take "
            "the Mimi that belongs to this model"
        )
