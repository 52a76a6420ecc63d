"""LoRA adapters are added to a model's weights when it is loaded.

A fused model runs as fast as one without adapters, and gives exactly the tokens of the merged checkpoint.
"""

from collections.abc import Callable, Collection

import torch
from moshi.models import LMModel
from safetensors import safe_open
from torch import Tensor

from moshi_backend.checkpoint.checkpoint import Adapters
from moshi_backend.errors import adapters as errors
from moshi_service.errors import InvalidValue

DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@torch.no_grad()
def fuse(adapters: Adapters, model: LMModel, ignored: Callable[[str], bool] = lambda name: False) -> None:
    """Add the updates to the model's weights, in the model's number format and upstream's order.

    Args:
        ignored: whether the model is loaded without the weight of this name.
    Raises:
        InvalidValue: they are of another model, or no adapters.
    """
    own = dict(model.named_parameters())
    path = adapters.weights
    with safe_open(path, "pt", str(model.device)) as file:  # type: ignore[no-untyped-call]
        names = [name for name in file.keys() if not ignored(name)]  # noqa: SIM118
        if not any(name.endswith(DOWN) for name in names):
            raise InvalidValue(errors.no_adapters(path))
        for name in names:
            if name.endswith(UP):
                _expect(adapters, name.removesuffix(UP) + DOWN, name, names)
                continue
            layer = name.removesuffix(DOWN)
            whole = layer == name
            target = own.get(name if whole else f"{layer}.weight")
            if target is None:
                raise InvalidValue(errors.adapters_without_layer(path, name))
            update = file.get_tensor(name).to(target.dtype)
            if not whole:
                _expect(adapters, layer + UP, name, names)
                update = _product(adapters, name, update, file.get_tensor(layer + UP).to(target.dtype))
            if update.shape != target.shape:
                raise InvalidValue(errors.adapters_shape_differs(path, name))
            target.copy_(update if whole else target + update)


def _expect(adapters: Adapters, name: str, beside: str, names: Collection[str]) -> None:
    if name not in names:
        raise InvalidValue(errors.adapters_without_half(adapters.weights, beside, name))


def _product(adapters: Adapters, name: str, down: Tensor, up: Tensor) -> Tensor:
    rank = down.shape[0]
    if rank != up.shape[1] or rank != (adapters.rank or rank):
        raise InvalidValue(errors.adapters_rank_differs(adapters.weights, name, rank, up.shape[1], adapters.rank))
    return adapters.scaling * (up @ down)
