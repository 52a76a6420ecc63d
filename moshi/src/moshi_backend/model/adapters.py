"""LoRA adapters: low-rank updates of a model's weights, added to them when it is loaded.

A fused model runs as fast as one without adapters, and says exactly what the merged checkpoint says.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import torch
from moshi.models import LMModel
from moshi.models.loaders import CheckpointInfo
from safetensors import safe_open
from torch import Tensor

DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class Adapters:
    """
    Attributes:
        weights: a safetensors file, as moshi-finetune writes it: two matrices for each adapted layer, and whole
            weights that were trained beside them, such as embeddings.
        scaling: the factor of the updates.
        rank: that the configuration declares, if it does.
    """

    weights: Path
    scaling: float = 2.0
    rank: int | None = None

    @torch.no_grad()
    def fuse(self, model: LMModel, ignored: Callable[[str], bool] = lambda name: False) -> None:
        """Add the updates to the model's weights, in the model's number format and upstream's order.

        Args:
            ignored: names of weights that this model is loaded without.
        Raises:
            ValueError: they are of another model, or no adapters.
        """
        own = dict(model.named_parameters())
        with safe_open(self.weights, "pt", str(model.device)) as file:  # type: ignore[no-untyped-call]
            names = [name for name in file.keys() if not ignored(name)]  # noqa: SIM118
            if not any(name.endswith(DOWN) for name in names):
                raise ValueError(f"{self.weights} holds no LoRA adapters; a merged model is loaded as the model itself")
            for name in names:
                if name.endswith(UP):
                    self._expect(name.removesuffix(UP) + DOWN, name, names)
                    continue
                layer = name.removesuffix(DOWN)
                whole = layer == name
                target = own.get(name if whole else f"{layer}.weight")
                if target is None:
                    raise ValueError(f"{self.weights} has {name}, and the model has no such layer: {_OTHER}")
                given = file.get_tensor(name).to(target.dtype)
                if not whole:
                    self._expect(layer + UP, name, names)
                    given = self._update(name, given, file.get_tensor(layer + UP).to(target.dtype))
                if given.shape != target.shape:
                    raise ValueError(f"{self.weights}: {name} does not have the shape of the model's layer: {_OTHER}")
                target.copy_(given if whole else target + given)

    def _expect(self, name: str, beside: str, names: Collection[str]) -> None:
        if name not in names:
            raise ValueError(f"{self.weights} has {beside} without {name}: {_OTHER}")

    def _update(self, name: str, down: Tensor, up: Tensor) -> Tensor:
        rank = down.shape[0]
        if rank != up.shape[1] or rank != (self.rank or rank):
            raise ValueError(
                f"{self.weights}: {name} has rank {rank}, its counterpart {up.shape[1]}, and config.json declares "
                f"lora_rank {self.rank}: take the config.json that belongs to these adapters"
            )
        return self.scaling * (up @ down)


_OTHER = "take the adapters of this model, or the model that they adapt"


@dataclass
class Adapted(CheckpointInfo):  # type: ignore[misc]
    """A checkpoint whose adapters, if it has any, are fused into its weights."""

    adapters: Adapters | None = None

    @classmethod
    def of(cls, info: CheckpointInfo, **changes: Any) -> Self:
        return cls(**{field.name: getattr(info, field.name) for field in fields(info)} | changes)

    def get_moshi(
        self,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.bfloat16,
        load_weight: bool = True,
        **options: Any,
    ) -> LMModel:
        """
        Raises:
            ValueError: the adapters are of another model.
        """
        model = super().get_moshi(device, dtype, load_weight, **options)
        if load_weight and self.adapters is not None:
            self.adapters.fuse(model)
        return model
