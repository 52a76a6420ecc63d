"""Transformers that step slot by slot through a ring of keys and values.

Upstream computes positions, masks and rotations in every layer and masks every write; here a step does it once for all
layers. A slot that does not step writes its keys where its next step will overwrite them, so no write needs a mask.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
from moshi.modules.transformer import StreamingTransformer
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_backend.model.block import Block
from moshi_backend.model.state import SLOTS, SlotState
from moshi_service.errors import InvalidValue


@dataclass(frozen=True)
class Positions:
    """Where the slots are in one step.

    Attributes:
        index: where in the ring to write, [slots, 1, time, 1].
        bias: added to attention scores, 0 or -inf, [slots, 1, time, capacity].
        rotation: of queries and keys by their position, complex [slots, time, 1, head / 2].
    """

    index: Tensor
    bias: Tensor
    rotation: Tensor


class RingTransformer:
    """Upstream's causal rotary transformer over [slots, time, width], a few steps at a time.

    A step sees itself and the `capacity - 1` before it. Positions go on counting when the ring is full: the oldest step
    is overwritten and forgotten, and nothing else changes.

    Args:
        capacity: steps to remember; the model's own context when none is given or it is longer than that.

    Raises:
        InvalidValue: an option that no Moshi has.
    """

    def __init__(self, module: StreamingTransformer, state: SlotState, capacity: int | None = None) -> None:
        first = module.layers[0].self_attn
        if module.positional_embedding != "rope":
            raise InvalidValue(errors.unsupported_positions(module.positional_embedding))
        if not first.causal or first.context is None or first.weights_per_step:
            raise InvalidValue(errors.unsupported_transformer())
        self.capacity: int = min(first.context, capacity or first.context)
        self._blocks = [Block.of(layer) for layer in module.layers]
        self._heads: int = first.num_heads
        self._head: int = first.embed_dim // first.num_heads
        dtype = next(module.parameters()).dtype
        shape = (len(self._blocks), 2, SLOTS, self._heads, self.capacity, self._head)
        self._ring = state.allocate(shape, dtype)
        self.steps = state.allocate((SLOTS,), torch.int64)
        device = state.device
        self._entries = torch.arange(self.capacity, device=device)
        exponents = torch.arange(self._head // 2, device=device, dtype=torch.float32)
        self._frequencies = torch.exp(exponents * (-math.log(module.max_period) * 2 / self._head))

    def __call__(self, x: Tensor, keep: Tensor) -> Tensor:
        """One step of the first slots, as many as `x` has.

        Args:
            x: [slots, time, width].
            keep: booleans [slots]; the step of the other slots is as if it had not been.
        """
        slots, time, _ = x.shape
        x = self._run(x, self.steps[:slots], self._ring[:, :, :slots])
        self.steps[:slots].add_(keep * time)
        return x

    def prefill(self, slot: int, x: Tensor) -> None:
        """Steps of one slot, [1, time, width]. The slot has not gone round its ring, and does not now."""
        self._run(x, self.steps[slot : slot + 1], self._ring[:, :, slot : slot + 1])
        self.steps[slot] += x.shape[1]

    def export_kv(self, slot: int, steps: int) -> Tensor:
        """Keys and values of the slot's first steps, [layers, 2, heads, steps, head], in the host's memory."""
        return self._ring[:, :, slot, :, :steps].to("cpu", copy=True)

    def import_kv(self, slot: int, kv: Tensor) -> None:
        """Begin a cleared slot with what `export_kv` returned."""
        steps = kv.shape[3]
        self._ring[:, :, slot, :, :steps] = kv.to(self._ring.device)
        self.steps[slot] = steps

    def _run(self, x: Tensor, steps: Tensor, rings: Tensor) -> Tensor:
        positions = self._positions(steps, x.shape[1], x.dtype)
        for block, ring in zip(self._blocks, rings, strict=True):
            x = block.fed(block.attended(x, partial(self._attend, block, ring, positions)))
        return x

    def _positions(self, steps: Tensor, time: int, dtype: torch.dtype) -> Positions:
        ahead = self._entries[:time]
        positions = steps[:, None] + ahead
        last = positions[:, -1:]
        age = (last - self._entries) % self.capacity
        seen = (age[:, None] >= ahead.flip(0)[:, None]) & (age <= last)[:, None]
        bias = torch.zeros_like(seen, dtype=dtype).masked_fill_(~seen, -math.inf)
        angle = positions[..., None] * self._frequencies
        rotation = torch.complex(angle.cos(), angle.sin())  # `polar` rounds differently than upstream's
        return Positions((positions % self.capacity)[:, None, :, None], bias[:, None], rotation[:, :, None])

    def _attend(self, block: Block, ring: Tensor, positions: Positions, x: Tensor) -> Tensor:
        slots, time, width = x.shape
        projected = block.enter[0](x).view(slots, time, 3 * self._heads, self._head)
        turned = rotate(projected[:, :, : 2 * self._heads], positions.rotation)
        query, key = turned.transpose(1, 2).split(self._heads, dim=1)
        value = projected[:, :, 2 * self._heads :].transpose(1, 2)
        keys, values = ring
        index = positions.index.expand_as(key)
        keys.scatter_(2, index, key)
        values.scatter_(2, index, value)
        out = F.scaled_dot_product_attention(query, keys, values, positions.bias)
        return block.leave[0](out.transpose(1, 2).reshape(slots, time, width))


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair of neighbours in `x`, [slots, time, heads, head], by `rotation`, in float32 as upstream does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
