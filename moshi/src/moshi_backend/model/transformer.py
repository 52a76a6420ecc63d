"""Transformers that step row by row through a ring of keys and values.

Upstream computes positions, masks and rotations in every layer and masks every write; here a tick does it once for all
layers. A row that does not step writes its keys where its next step will overwrite them, so no write needs a mask.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
from moshi.modules.transformer import StreamingTransformer
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.model.block import Block
from moshi_backend.model.state import ROWS, RowState


@dataclass(frozen=True)
class Place:
    """Where the rows of one tick are.

    Attributes:
        index: where in the ring to write, [rows, 1, time, 1].
        bias: added to attention scores, 0 or -inf, [rows, 1, time, capacity].
        rotation: of queries and keys by their position, complex [rows, time, 1, head / 2].
    """

    index: Tensor
    bias: Tensor
    rotation: Tensor


class RingTransformer:
    """Upstream's causal rotary transformer over [rows, time, width], a few steps at a time.

    A step sees itself and the `capacity - 1` before it. Positions go on counting when the ring is full: the oldest step
    is overwritten and forgotten, and nothing else changes.

    Args:
        capacity: steps to remember; the model's own context when none is given or it is longer than that.

    Raises:
        ValueError: an option that no Moshi has.
    """

    def __init__(self, module: StreamingTransformer, state: RowState, capacity: int | None = None) -> None:
        first = module.layers[0].self_attn
        if module.positional_embedding != "rope":
            raise ValueError(f"positional embedding {module.positional_embedding!r} is not supported")
        if not first.causal or first.context is None or first.weights_per_step:
            raise ValueError("a temporal transformer that is not causal with a context of its own is not supported")
        self.capacity: int = min(first.context, capacity or first.context)
        self._blocks = [Block.of(layer) for layer in module.layers]
        self._heads: int = first.num_heads
        self._head: int = first.embed_dim // first.num_heads
        dtype = next(module.parameters()).dtype
        shape = (len(self._blocks), 2, ROWS, self._heads, self.capacity, self._head)
        self._ring = state.allocate(shape, dtype)
        self.steps = state.allocate((ROWS,), torch.int64)
        device = state.device
        self._entries = torch.arange(self.capacity, device=device)
        exponents = torch.arange(self._head // 2, device=device, dtype=torch.float32)
        self._frequencies = torch.exp(exponents * (-math.log(module.max_period) * 2 / self._head))

    def __call__(self, x: Tensor, keep: Tensor) -> Tensor:
        """One tick for the first rows, as many as `x` has.

        Args:
            x: [rows, time, width].
            keep: booleans [rows]; the others' step is as if it had not been.
        """
        rows, time, _ = x.shape
        x = self._run(x, self.steps[:rows], self._ring[:, :, :rows])
        self.steps[:rows].add_(keep * time)
        return x

    def prefill(self, row: int, x: Tensor) -> None:
        """Steps of one row, [1, time, width]. The row has not gone round its ring, and does not now."""
        self._run(x, self.steps[row : row + 1], self._ring[:, :, row : row + 1])
        self.steps[row] += x.shape[1]

    def remembered(self, row: int, steps: int) -> Tensor:
        """Keys and values of the row's first steps, [layers, 2, heads, steps, head], in the host's memory."""
        return self._ring[:, :, row, :, :steps].to("cpu", copy=True)

    def remember(self, row: int, past: Tensor) -> None:
        """Begin the row with what `remembered` gave."""
        steps = past.shape[3]
        self._ring[:, :, row, :, :steps] = past.to(self._ring.device)
        self.steps[row] = steps

    def _run(self, x: Tensor, steps: Tensor, rings: Tensor) -> Tensor:
        place = self._place(steps, x.shape[1], x.dtype)
        for block, ring in zip(self._blocks, rings, strict=True):
            x = block.fed(block.attended(x, partial(self._attend, block, ring, place)))
        return x

    def _place(self, steps: Tensor, time: int, dtype: torch.dtype) -> Place:
        ahead = self._entries[:time]
        positions = steps[:, None] + ahead
        last = positions[:, -1:]
        age = (last - self._entries) % self.capacity
        seen = (age[:, None] >= ahead.flip(0)[:, None]) & (age <= last)[:, None]
        bias = torch.zeros_like(seen, dtype=dtype).masked_fill_(~seen, -math.inf)
        angle = positions[..., None] * self._frequencies
        rotation = torch.complex(angle.cos(), angle.sin())  # `polar` rounds differently than upstream's
        return Place((positions % self.capacity)[:, None, :, None], bias[:, None], rotation[:, :, None])

    def _attend(self, block: Block, ring: Tensor, place: Place, x: Tensor) -> Tensor:
        rows, time, width = x.shape
        projected = block.enter[0](x).view(rows, time, 3 * self._heads, self._head)
        turned = rotate(projected[:, :, : 2 * self._heads], place.rotation)
        query, key = turned.transpose(1, 2).split(self._heads, dim=1)
        value = projected[:, :, 2 * self._heads :].transpose(1, 2)
        keys, values = ring
        index = place.index.expand_as(key)
        keys.scatter_(2, index, key)
        values.scatter_(2, index, value)
        out = F.scaled_dot_product_attention(query, keys, values, place.bias)
        return block.leave[0](out.transpose(1, 2).reshape(rows, time, width))


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair of neighbours in `x`, [rows, time, heads, head], by `rotation`, in float32 as upstream does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
