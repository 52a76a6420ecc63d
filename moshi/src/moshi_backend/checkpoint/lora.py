"""Where LoRA adapters are: beside a model as its config.json says, or where the operator says."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    return read_config(path) if path.is_file() else {}
