"""Fine-tunes of the random model as moshi-finetune writes them: adapters, and the merged model."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from moshi.models import LMModel
from moshi.models.loaders import get_moshi_lm
from moshi.modules.lora import LoRALinear, replace_all_linear_with_lora
from safetensors.torch import save_file

from support.checkpoints import CONFIG, RANDOM_MODEL
from support.shapes import FILES

RANK, SCALING = 4, 2.0
LORA = {"lora": True, "lora_rank": RANK, "lora_scaling": SCALING}
KWARGS = {name: value for name, value in CONFIG.items() if name not in FILES}


def tuned_model() -> LMModel:
    """The random model, with adapters."""
    return tuned(get_moshi_lm(RANDOM_MODEL / "model.safetensors", KWARGS, "cpu", torch.float32))


@torch.no_grad()
def tuned(lm: LMModel) -> LMModel:
    """Adapted as moshi-finetune does it: every linear layer, and the text embedding as a whole."""
    torch.manual_seed(3)
    replace_all_linear_with_lora(lm, RANK, SCALING)
    for module in lm.modules():
        if isinstance(module, LoRALinear):
            module.lora_A.weight.normal_(std=0.1)
            module.lora_B.weight.normal_(std=0.1)
    lm.text_emb.weight.add_(torch.randn_like(lm.text_emb.weight) * 0.1)
    return lm


def adapters(lm: LMModel) -> dict[str, torch.Tensor]:
    return {name: value for name, value in lm.state_dict().items() if "lora_" in name or name == "text_emb.weight"}


def merged(lm: LMModel) -> dict[str, torch.Tensor]:
    state = {name: value for name, value in lm.state_dict().items() if "lora_" not in name and "frozen_W" not in name}
    for name, module in lm.named_modules():
        if isinstance(module, LoRALinear):
            state[f"{name}.weight"] = module.merge_weight()
    return {name: value.contiguous() for name, value in state.items()}


def base(folder: Path, **changes: Any) -> Path:
    """The random model's files and its configuration with changes; a name that becomes None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in RANDOM_MODEL.iterdir():
        shutil.copyfile(path, folder / path.name)
    config = {name: value for name, value in (CONFIG | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def finetune(folder: Path, tune: LMModel, **changes: Any) -> Path:
    """What moshi-finetune writes into `consolidated`: adapters, and the base's configuration with three keys more."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(adapters(tune), folder / "lora.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG | LORA | changes))
    return folder
