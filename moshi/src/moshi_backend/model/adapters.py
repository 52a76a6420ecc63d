"""LoRA adapters are added to a model's weights when it is loaded.

A fused model runs as fast as one without adapters, and gives exactly the tokens of the merged checkpoint.
"""

from collections.abc import Callable

import torch
from moshi.models import LMModel
from safetensors import safe_open

from moshi_backend.checkpoint.checkpoint import Adapters
from moshi_backend.checkpoint.lora import DOWN, UP


@torch.no_grad()
def fuse(adapters: Adapters, model: LMModel, ignored: Callable[[str], bool] = lambda name: False) -> None:
    """Add the updates to the model's weights, in the model's number format and upstream's order.

    Args:
        adapters: of this model; `check_adapters` has compared them with it.
        ignored: whether the model is loaded without the weight of this name.
    """
    own = dict(model.named_parameters())
    with safe_open(adapters.weights, "pt", str(model.device)) as file:  # type: ignore[no-untyped-call]
        for name in file.keys():  # noqa: SIM118
            if name.endswith(UP) or ignored(name):
                continue
            layer = name.removesuffix(DOWN)
            if layer == name:  # a whole weight, trained beside the adapters
                own[name].copy_(file.get_tensor(name))
                continue
            target = own[f"{layer}.weight"]
            down, up = (file.get_tensor(layer + part).to(target.dtype) for part in (DOWN, UP))
            target.add_(adapters.scaling * (up @ down))
