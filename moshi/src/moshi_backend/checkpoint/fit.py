"""Whether the files of a checkpoint belong together and make a model that this service can run.

Models are built without memory for their weights, and of the weights only names and shapes are read.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from moshi.models import LMModel
from moshi.models.loaders import get_mimi, get_moshi_lm
from safetensors import SafetensorError, safe_open
from sentencepiece import SentencePieceProcessor
from torch import nn

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.config import refuse_pointer
from moshi_backend.checkpoint.lora import check_adapters
from moshi_backend.errors import LoadError, brief
from moshi_backend.errors import checkpoints as errors
from moshi_service.errors import Problem


def check_weights(path: Path) -> None:
    """Look whether a file can be opened, without reading the weights.

    Raises:
        LoadError: it is not a whole safetensors file.
    """
    if path.suffix != ".safetensors":  # upstream would unpickle it, and run what is in it
        raise LoadError(errors.not_safetensors(path))
    refuse_pointer(path)
    try:
        with safe_open(path, "np"):  # type: ignore[no-untyped-call]
            pass
    except (SafetensorError, OSError) as error:
        raise LoadError(errors.file_damaged(path, brief(error), path.resolve())) from error


def check_fit(checkpoint: Checkpoint, steps: int) -> None:
    """Compare the weights with the configuration, by their names and shapes.

    Args:
        steps: depformer steps that the weights have.
    Raises:
        LoadError: the weights are of another size than the configuration says, the adapters are of another model, the
            tokenizer is no tokenizer, or upstream cannot build such a model.
    """
    with describing(checkpoint.moshi_weights), torch.device("meta"):
        lm = _language_model(checkpoint, steps)
    _compare(checkpoint.moshi_weights, lm, "config.json", spare=checkpoint.kind == "personaplex")
    if checkpoint.adapters is not None:
        check_adapters(checkpoint.adapters, {name: tuple(weight.shape) for name, weight in lm.named_parameters()})
    with describing(checkpoint.mimi_weights), torch.device("meta"):
        mimi = get_mimi(None, dict(checkpoint.mimi_config), "meta")
    _compare(checkpoint.mimi_weights, mimi, "the configuration of Mimi")
    if mimi.cardinality != lm.card:
        raise LoadError(
            errors.codebooks_differ(checkpoint.moshi_weights, lm.card, checkpoint.mimi_weights, mimi.cardinality)
        )
    refuse_pointer(checkpoint.tokenizer)
    try:
        SentencePieceProcessor(str(checkpoint.tokenizer))
    except Exception as error:  # the library raises several kinds
        path = checkpoint.tokenizer
        raise LoadError(errors.tokenizer_damaged(path, brief(error), path.resolve())) from error


def _language_model(checkpoint: Checkpoint, steps: int) -> LMModel:
    """The model that the weights are of, without memory. PersonaPlex's has a depformer step for each codebook."""
    config: dict[str, Any] = dict(checkpoint.lm_config)
    if checkpoint.kind == "personaplex":
        config["dep_q"] = steps or config["n_q"]
    _check_layers(checkpoint.moshi_weights, config)
    return get_moshi_lm(None, config, "meta")


def _check_layers(path: Path, config: Mapping[str, Any]) -> None:
    """Before hundreds of layers are built that the weights do not have, which takes a minute."""
    with safe_open(path, "np") as file:  # type: ignore[no-untyped-call]
        names = list(file.keys())
    for key, prefix in (("num_layers", "transformer.layers."), ("depformer_num_layers", "depformer.layers.")):
        there = len({name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix)})
        wanted = config.get(key) or config["num_layers"]
        if wanted != there:
            raise LoadError(errors.layers_differ(path, key, wanted, there))


def _compare(path: Path, module: nn.Module, source: str, spare: bool = False) -> None:
    """By upstream's own loading, which knows the names that older versions saved. `spare`: weights may be left over."""
    with safe_open(path, "np") as file:  # type: ignore[no-untyped-call]
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        if any(entry.get_dtype() in ("I8", "U8") for entry in slices.values()):
            raise LoadError(errors.weights_of_8_bits(path))
        state = {name: torch.empty(entry.get_shape(), device="meta") for name, entry in slices.items()}
    try:
        outcome = module.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise LoadError(errors.weights_do_not_fit(path, source, _first_mismatch(error))) from error
    unknown = [] if spare else outcome.unexpected_keys
    for what, names in (("lacks", outcome.missing_keys), ("also has", unknown)):
        if names:
            raise LoadError(errors.weights_differ(path, source, what, names[0], len(names)))


def _first_mismatch(error: RuntimeError) -> Problem | str:
    """Of PyTorch's list, a line for each weight."""
    found = re.search(r"size mismatch for (\S+): .*?Size\(\[(.*?)\]\).*?Size\(\[(.*?)\]\)", str(error))
    return f"{found[1]} is [{found[2]}] and should be [{found[3]}]" if found else brief(error)


@contextmanager
def describing(weights: Path) -> Iterator[None]:
    """Turn every error of upstream's constructors into a LoadError that names the weights.

    They have many errors for a configuration that they cannot build.

    Raises:
        LoadError: the code under it failed.
    """
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        option = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        why = f"it has no option {option[1]}" if option else brief(error)
        raise LoadError(errors.model_not_supported(weights, version("moshi"), why)) from error
