"""Upstream's transformer layer, taken apart into the operations that a step calls.

Calling them directly saves what upstream's modules do around them in each call: on a CPU with a small model that is
half of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from moshi.modules.gating import ActivationGating
from moshi.modules.transformer import RMSNorm, StreamingTransformerLayer
from torch import Tensor, nn
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_service.errors import InvalidValue

type Operation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Block:
    """One layer. `enter`, `leave` and `feed` have one entry for each set of weights; a plain layer has one set."""

    heads: int
    attention_norm: Operation
    enter: list[Operation]
    leave: list[Operation]
    attention_scale: Operation
    feed_norm: Operation
    feed: list[Operation]
    feed_scale: Operation

    @classmethod
    def of(cls, layer: StreamingTransformerLayer) -> "Block":
        """The operations of an upstream layer, over its weights.

        Raises:
            InvalidValue: the layer has a part that no Moshi has.
        """
        attention = layer.self_attn
        if layer.cross_attention is not None or layer.skip_self_attn or attention.kv_repeat != 1:
            raise InvalidValue(errors.unsupported_layer())
        return cls(
            heads=attention.num_heads,
            attention_norm=norm(layer.norm1),
            enter=[linear(module) for module in attention.in_projs],
            leave=[linear(module) for module in attention.out_projs],
            attention_scale=_scale(layer.layer_scale_1),
            feed_norm=norm(layer.norm2),
            feed=_feed(layer),
            feed_scale=_scale(layer.layer_scale_2),
        )

    def attended(self, x: Tensor, attend: Operation) -> Tensor:
        """`x` plus the attention of it, [slots, time, width]."""
        return x + self.attention_scale(attend(self.attention_norm(x)))

    def fed(self, x: Tensor, weights: int = 0) -> Tensor:
        """`x` plus the feed-forward of it by one set of weights, [slots, time, width]."""
        return x + self.feed_scale(self.feed[weights](self.feed_norm(x)))


def linear(module: nn.Module) -> Operation:
    """A plain layer by its weights; one of another kind (adapted, of 8 bits) as it is."""
    if type(module) is not nn.Linear:
        return module
    weight, bias = module.weight, module.bias
    return lambda x: F.linear(x, weight, bias)


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


def _scale(module: nn.Module) -> Operation:
    return (lambda x: x) if isinstance(module, nn.Identity) else module


def _feed(layer: StreamingTransformerLayer) -> list[Operation]:
    if layer.gating is None:
        first, activation, second = linear(layer.linear1), layer.activation, linear(layer.linear2)
        return [lambda x: second(activation(first(x)))]
    return [_gated(module) for module in (layer.gating if isinstance(layer.gating, nn.ModuleList) else [layer.gating])]


def _gated(module: ActivationGating) -> Operation:
    enter, activation, leave = linear(module.linear_in), module.activation, linear(module.linear_out)

    def run(x: Tensor) -> Tensor:
        gate, value = torch.chunk(enter(x), 2, dim=-1)
        return leave(activation(gate) * value)

    return run
