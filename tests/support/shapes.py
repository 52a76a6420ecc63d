"""Random checkpoints of any shape, made from the random model's configuration."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from moshi.models import LMModel
from moshi.models.loaders import get_moshi_lm
from safetensors.torch import load_file, save_file

from support.checkpoints import CONFIG, MIMI, RANDOM_MODEL

FILES = ("moshi_name", "mimi_name", "mimi_config_name", "tokenizer_name", "model_type", "lm_gen_config")


@torch.no_grad()
def random_lm(**changes: Any) -> LMModel:
    """The random model's language model in another shape, with weights that answer to their input."""
    torch.manual_seed(5)
    kwargs = {name: value for name, value in (CONFIG | changes).items() if name not in FILES}
    lm = get_moshi_lm(None, kwargs, "cpu", torch.float32)
    for name, weight in lm.named_parameters():
        if "emb" in name or name.startswith(("linears", "text_linear")):
            weight.normal_()
    return lm


def make(folder: Path, n_q: int, dep_q: int, delays: Sequence[int], books: int = 16, **changes: Any) -> None:
    """Write a checkpoint whose language model is random and whose Mimi is the random model's with `books` codebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = {"n_q": n_q, "dep_q": dep_q, "delays": list(delays)}
    save_file(random_lm(**shape).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG | shape | changes))
    shutil.copyfile(RANDOM_MODEL / "tokenizer.model", folder / "tokenizer.model")
    mimi = MIMI | {"quantizer": MIMI["quantizer"] | {"n_q": books}}
    (folder / "mimi.json").write_text(json.dumps(mimi))
    save_file(_with_books(load_file(RANDOM_MODEL / "mimi.safetensors"), books), folder / "mimi.safetensors")


def _with_books(weights: dict[str, torch.Tensor], books: int) -> dict[str, torch.Tensor]:
    """Codebooks beyond the model's eighth are its others, made smaller."""
    prefix = "quantizer.rvq_rest.vq.layers."
    for layer in range(7, books - 1):
        for name in ("_initialized", "cluster_usage", "embedding_sum"):
            source = weights[f"{prefix}{layer % 7}._codebook.{name}"].clone()
            weights[f"{prefix}{layer}._codebook.{name}"] = source * 0.3 if name == "embedding_sum" else source
    return weights
