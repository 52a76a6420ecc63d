"""Upstream's transformer layer, taken apart into the operations that a step calls.

Calling them directly saves what upstream's modules do around them in each call: on a CPU with a small model that is
half of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from moshi.modules.gating import ActivationGating
from moshi.modules.transformer import LayerScale, RMSNorm, StreamingTransformerLayer
from torch import Tensor, nn
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_backend.model.kernels.operations import Kernels
from moshi_service.errors import InvalidValue

type Operation = Callable[[Tensor], Tensor]


class Residual(NamedTuple):
    """A sum that is not yet added up, so that the norm that follows can do both at once: x + pending * scale.

    Each may be None, for nothing and for 1.
    """

    x: Tensor
    pending: Tensor | None = None
    scale: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """The sum."""
        if self.pending is None:
            return self.x
        return self.x + self.pending if self.scale is None else torch.addcmul(self.x, self.pending, self.scale)


type AddNorm = Callable[[Residual], tuple[Tensor, Tensor]]
"""From a residual to its sum and the norm of it."""


@dataclass(frozen=True)
class Block:
    """One layer. `enter`, `leave` and `feed` have one entry for each set of weights; a plain layer has one set."""

    attention_norm: AddNorm
    enter: list[Operation]
    leave: list[Operation]
    attention_scale: Tensor | None
    feed_norm: AddNorm
    feed: list[Operation]
    feed_scale: Tensor | None

    @classmethod
    def of(cls, layer: StreamingTransformerLayer, kernels: Kernels | None = None) -> "Block":
        """The operations of an upstream layer, over its weights.

        Args:
            kernels: of our own, if they run on the device.
        Raises:
            InvalidValue: the layer has a part that no Moshi has.
        """
        attention = layer.self_attn
        if layer.cross_attention is not None or layer.skip_self_attn or attention.kv_repeat != 1:
            raise InvalidValue(errors.unsupported_layer())
        return cls(
            attention_norm=add_norm(layer.norm1, kernels),
            enter=[linear(module) for module in attention.in_projs],
            leave=[linear(module) for module in attention.out_projs],
            attention_scale=_scale(layer.layer_scale_1),
            feed_norm=add_norm(layer.norm2, kernels),
            feed=_feed(layer, kernels),
            feed_scale=_scale(layer.layer_scale_2),
        )

    def __call__(self, residual: Residual, attend: Operation, weights: int = 0) -> Residual:
        """One layer, [slots, time, width].

        Args:
            attend: from queries, keys and values to the attention.
            weights: which set of weights.
        """
        x, normed = self.attention_norm(residual)
        attended = self.leave[weights](attend(self.enter[weights](normed)))
        x, normed = self.feed_norm(Residual(x, attended, self.attention_scale))
        return Residual(x, self.feed[weights](normed), self.feed_scale)


def linear(module: nn.Module) -> Operation:
    """A plain layer by its weights; one of another kind (adapted, of 8 bits) as it is."""
    if type(module) is not nn.Linear:
        return module
    weight, bias = module.weight, module.bias
    return lambda x: F.linear(x, weight, bias)


def add_norm(module: nn.Module, kernels: Kernels | None = None) -> AddNorm:
    """A sum and its norm, in one kernel where there is one."""
    normed = norm(module)

    def run(residual: Residual) -> tuple[Tensor, Tensor]:
        total = residual.total
        return total, normed(total)

    if kernels is None or not isinstance(module, RMSNorm) or not _is_fused(module, kernels):
        return run
    weight, eps = module.alpha.detach().view(-1).float(), float(module.eps)

    def fused(residual: Residual) -> tuple[Tensor, Tensor]:
        if residual.scale is not None:
            return run(residual)
        return kernels.add_norm(residual.x, residual.pending, weight, eps)

    return fused


def _is_fused(module: RMSNorm, kernels: Kernels) -> bool:
    """Whether the kernel computes as the module: in float32, whatever the input is."""
    return module.dtype == torch.float32 and kernels.takes_norm(module.alpha.numel(), module.alpha.dtype)


def norm(module: nn.Module) -> Operation:
    """A norm by its weights, in upstream's order: `F.rms_norm` rounds differently, which shows in 16 bits."""
    if not isinstance(module, RMSNorm):
        return module
    dtype: torch.dtype = module.dtype or module.alpha.dtype
    eps: float = module.eps
    weight: Tensor = module.alpha.view(-1).to(dtype)

    def run(x: Tensor) -> Tensor:
        wide = x.to(dtype)
        scale = weight * torch.rsqrt(eps + wide.square().mean(dim=-1, keepdim=True))
        return (wide * scale).to(x.dtype)

    return run


def _scale(module: nn.Module) -> Tensor | None:
    """The factor with which upstream multiplies the output of a layer's half.

    Raises:
        ValueError: the layer does something else there.
    """
    if isinstance(module, nn.Identity):
        return None
    if not isinstance(module, LayerScale) or not module.channel_last:
        raise InvalidValue(errors.unsupported_behind_attention(type(module).__name__))
    scale: Tensor = module.scale.detach()
    return scale


def _feed(layer: StreamingTransformerLayer, kernels: Kernels | None) -> list[Operation]:
    if layer.gating is None:
        first, activation, second = linear(layer.linear1), layer.activation, linear(layer.linear2)
        return [lambda x: second(activation(first(x)))]
    gatings = layer.gating if isinstance(layer.gating, nn.ModuleList) else [layer.gating]
    return [_gated(module, kernels) for module in gatings]


def _gated(module: ActivationGating, kernels: Kernels | None) -> Operation:
    enter, activation, leave = linear(module.linear_in), module.activation, linear(module.linear_out)
    if kernels is not None and activation is F.silu and _is_gate(module.linear_in, kernels):
        return lambda x: leave(kernels.silu_gate(enter(x)))

    def run(x: Tensor) -> Tensor:
        gate, value = torch.chunk(enter(x), 2, dim=-1)
        return leave(activation(gate) * value)

    return run


def _is_gate(module: nn.Module, kernels: Kernels) -> bool:
    return type(module) is nn.Linear and kernels.takes_gate(module.weight.shape[0] // 2, module.weight.dtype)
