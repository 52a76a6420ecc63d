"""Attention that costs as much as its context, for training.

Upstream's attention compares each step of a sequence with every other one, and then masks those outside of the
context. With 1,200 steps and a context of 128, nine tenths of that work is for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional as F


def _banded(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, context: int) -> torch.Tensor:
    """Causal attention of [B, heads, T, D] in which each step sees `context` steps, itself included.

    The sequence is cut into blocks of `context` steps. The steps of a block see only this block and the one before.
    """
    batch, heads, steps, size = query.shape
    blocks = -(-steps // context)
    after = blocks * context - steps
    row = torch.arange(context, device=query.device)[:, None] + context
    distance = row - torch.arange(2 * context, device=query.device)
    seen = ((distance >= 0) & (distance < context)).repeat(blocks, 1, 1)
    seen[0, :, :context] = False  # nothing is before the first block

    def pairs(tensor: torch.Tensor) -> torch.Tensor:
        """Each block together with the one before it: [B * blocks, heads, 2 * context, D]."""
        padded = F.pad(tensor, (0, 0, context, after)).unfold(2, 2 * context, context)
        return padded.permute(0, 2, 1, 4, 3).reshape(batch * blocks, heads, 2 * context, size)

    rows = F.pad(query, (0, 0, 0, after)).view(batch, heads, blocks, context, size).transpose(1, 2)
    attended = _scaled_dot_product_attention(
        rows.reshape(batch * blocks, heads, context, size), pairs(key), pairs(value), seen.repeat(batch, 1, 1)[:, None]
    )
    joined = attended.view(batch, blocks, heads, context, size).transpose(1, 2)
    return joined.reshape(batch, heads, blocks * context, size)[:, :, :steps]


_scaled_dot_product_attention = F.scaled_dot_product_attention


@contextmanager
def banded_attention(context: int) -> Iterator[None]:
    """Inside, attention over more than two contexts of steps looks back on `context` steps.

    Upstream calls PyTorch's function with a mask and has no place for another one, so PyTorch's is replaced for a time.
    """

    def attention(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None = None, **options: Any
    ) -> torch.Tensor:
        if query.shape[2] > 2 * context:
            return _banded(query, key, value, context)
        return _scaled_dot_product_attention(query, key, value, mask, **options)

    F.scaled_dot_product_attention = attention  # type: ignore[assignment]
    try:
        yield
    finally:
        F.scaled_dot_product_attention = _scaled_dot_product_attention
