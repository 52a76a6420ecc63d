"""Attention over whole rings under a mask: for CPUs, for prefill, for the codec, and wherever nothing else runs."""

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.model.attention.ring import Attend, Ring
from moshi_backend.model.attention.rotation import Place, Rotary, turn_and_write


class MaskedAttention:
    """PyTorch's `scaled_dot_product_attention`, for any number of steps at once."""

    reads_stale = True

    def __init__(self, rotary: Rotary, dtype: torch.dtype, device: torch.device) -> None:
        self._rotary = rotary
        self._dtype = dtype
        self._entries = torch.arange(rotary.capacity, device=device)

    def begin(self, lengths: Tensor, active: Tensor, time: int) -> Attend:
        """See `Attention`. A slot that does not step writes its keys where its next step will overwrite them."""
        place = self._rotary.place(lengths, time)
        ahead = self._entries[:time]
        last = place.positions[:, -1:]
        age = (last - self._entries) % self._rotary.capacity
        seen = (age[:, None] >= ahead.flip(0)[:, None]) & (age <= last)[:, None]
        bias = torch.zeros_like(seen, dtype=self._dtype).masked_fill_(~seen, -math.inf)
        return partial(_attend, place, bias[:, None])

    def begin_unwrapped(self, start: int, time: int) -> Attend:
        """Begin a step of a single slot that has not gone round its ring. It reads only the entries that are written.

        Args:
            start: steps that the slot has made.
        """
        place = self._rotary.place(self._entries[start : start + 1], time)
        seen = self._entries[: start + time] <= place.positions[0, :, None]
        bias = torch.zeros_like(seen, dtype=self._dtype).masked_fill_(~seen, -math.inf)
        return partial(_attend, place, bias[None, None])


def _attend(place: Place, bias: Tensor, ring: Ring, projected: Tensor) -> Tensor:
    query = turn_and_write(projected, ring, place)
    keys, values = ring.read(bias.shape[-1], query.dtype)
    out = F.scaled_dot_product_attention(query, keys, values, bias)
    return out.transpose(1, 2).flatten(2)
