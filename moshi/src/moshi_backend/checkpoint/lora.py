"""LoRA adapters: where they are, and whether they are of this model.

They lie beside a model as its config.json says, or where the operator says.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from moshi_backend.checkpoint.checkpoint import Adapters
from moshi_backend.checkpoint.config import read_config
from moshi_backend.checkpoint.download import NotCached, Progress, fetch
from moshi_backend.errors import LoadError
from moshi_backend.errors import adapters as errors

NAME = "lora.safetensors"
"""What moshi-finetune calls its adapters."""

MERGED = "consolidated.safetensors"
"""What moshi-finetune calls a model with its adapters merged."""

KEYS = ("lora", "lora_rank", "lora_scaling")
"""Of config.json. moshi-finetune leaves them in the configuration of a merged model too."""

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
"""How the names of a layer's two matrices end."""


def promises(config: Mapping[str, Any]) -> bool:
    """Whether adapters may lie beside the model under their usual name, for the configuration names none."""
    return bool(config.get("lora")) and not config.get("lora_name")


def adapters_of(path: Path, config: Mapping[str, Any]) -> Adapters:
    """The adapters in `path`, with the scaling and rank of their config.json.

    Raises:
        LoadError: the configuration contradicts itself.
    """
    scaling, rank = config.get("lora_scaling", 2.0), config.get("lora_rank")
    if config.get("lora") is False:
        raise LoadError(errors.adapters_declared_off(path))
    return Adapters(path, float(scaling), rank)


def find_adapters(value: str, progress: Progress, download: bool = True) -> Adapters:
    """Resolve a folder with adapters and their config.json, the adapters' file, or owner/name[@revision].

    Raises:
        LoadError: there are none; says what to do.
    """
    here = Path(value)
    if here.is_dir():
        config = _config(here)
        path = here / str(config.get("lora_name") or NAME)
        if not path.is_file():
            raise LoadError(errors.adapters_missing(value, path.name))
        return adapters_of(path, config)
    if here.is_file():
        return adapters_of(here, _config(here.parent))
    repository, _, revision = value.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise LoadError(errors.adapters_unknown(value))
    try:
        files = fetch(repository, revision or None, {"lora_name": NAME}, (), progress, download)
    except NotCached:
        raise
    except LoadError as error:
        raise LoadError(errors.adapters_unusable(value, error.problem)) from None
    return adapters_of(files.named["lora_name"], files.config or {})


def check_adapters(adapters: Adapters, weights: Mapping[str, tuple[int, ...]]) -> None:
    """Compare adapters with the model that they are for, by names and shapes.

    Args:
        weights: the shape of each weight of the model, by name.
    Raises:
        LoadError: they are of another model, or no adapters.
    """
    path = adapters.weights
    with safe_open(path, "np") as file:  # type: ignore[no-untyped-call]
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    if not any(name.endswith(DOWN) for name in shapes):
        raise LoadError(errors.no_adapters(path))
    for name, shape in shapes.items():
        layer = name.removesuffix(DOWN).removesuffix(UP)
        whole = layer == name
        wanted = weights.get(name if whole else f"{layer}.weight")
        if wanted is None:
            raise LoadError(errors.adapters_without_layer(path, name))
        if wanted != (shape if whole else _shape_of_update(adapters, name, layer, shapes)):
            raise LoadError(errors.adapters_shape_differs(path, name))


def _shape_of_update(
    adapters: Adapters, name: str, layer: str, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[int, ...] | None:
    """The shape of the product of a layer's two matrices, of which `name` is one; None if they are no matrices."""
    for other in (layer + DOWN, layer + UP):
        if other not in shapes:
            raise LoadError(errors.adapters_without_half(adapters.weights, name, other))
    down, up = shapes[layer + DOWN], shapes[layer + UP]
    if len(down) != 2 or len(up) != 2:
        return None
    rank = down[0]
    if rank != up[1] or rank != (adapters.rank or rank):
        first = layer + DOWN
        raise LoadError(errors.adapters_rank_differs(adapters.weights, first, rank, up[1], adapters.rank))
    return up[0], down[1]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    return read_config(path) if path.is_file() else {}
