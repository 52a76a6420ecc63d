"""Keys and values in 8 bits: one scale for each head and step."""

import torch
from torch import Tensor

MOST = 127
"""Largest integer; its negative is the smallest."""

SMALLEST_SCALE = 2.0**-14
"""The smallest normal number of float16. Below it a scale would lose its own digits."""


def quantise(x: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers as integers times a scale. Each is off by half a scale at most.

    Args:
        x: [..., head].
    Returns:
        int8 [..., head], and scales, float16 [...].
    """
    wide = x.float()
    scales = (wide.abs().amax(-1) / MOST).clamp_(min=SMALLEST_SCALE).half()
    whole = torch.floor(wide / scales.float()[..., None] + 0.5).clamp_(-MOST, MOST)
    return whole.to(torch.int8), scales


def restore(whole: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """The numbers again, [..., head]."""
    return (whole.float() * scales.float()[..., None]).to(dtype)
