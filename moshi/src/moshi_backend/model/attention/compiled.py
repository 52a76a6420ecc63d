"""Attention over the written part of each ring, by kernels of our own."""

from functools import partial

import torch
from torch import Tensor

from moshi_backend.model.attention.ring import Attend, Ring
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.kernels.operations import Kernels


class CompiledAttention:
    """Rotation, write and attention are one kernel, and a second one puts its shares together."""

    reads_stale = False

    def __init__(self, rotary: Rotary, kernels: Kernels) -> None:
        self._rotary = rotary
        self._kernels = kernels

    def begin(self, lengths: Tensor, active: Tensor, time: int) -> Attend:
        """See `Attention`; `time` is 1. A slot that does not step reads and writes nothing, and its output is zero."""
        assert time == 1, "the kernel has one query of each slot"
        rotation = torch.view_as_real(self._rotary.rotation(lengths))
        return partial(self._attend, rotation, lengths, active.view(torch.int8))

    def _attend(self, rotation: Tensor, lengths: Tensor, active: Tensor, ring: Ring, projected: Tensor) -> Tensor:
        return self._kernels.attend(ring, projected, rotation, lengths, active)
