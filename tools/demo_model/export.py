"""Writes a checkpoint: the folder that upstream's loaders and this product read."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from demo_model.architecture import MIMI, SAMPLING, language_model_config
from demo_model.tokenizer import TEXT_CARD


def _halved(weights: Path) -> dict[str, torch.Tensor]:
    state = torch.load(weights, map_location="cpu", weights_only=True)
    return {name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in state.items()}


def export(mimi: Path, language_model: Path, tokenizer: bytes, folder: Path) -> None:
    """Write the weights, in half precision as upstream's loaders widen them again, and what describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_halved(mimi), folder / "mimi.safetensors")
    save_file(_halved(language_model), folder / "model.safetensors")
    (folder / "tokenizer.model").write_bytes(tokenizer)
    (folder / "mimi.json").write_text(json.dumps(MIMI, indent=2) + "\n")
    config = language_model_config(TEXT_CARD) | {
        "model_type": "moshi",
        "moshi_name": "model.safetensors",
        "mimi_name": "mimi.safetensors",
        "mimi_config_name": "mimi.json",
        "tokenizer_name": "tokenizer.model",
        "lm_gen_config": SAMPLING,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
