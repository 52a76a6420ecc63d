"""The tensors that hold one share for each slot."""

import math

import torch
from torch import Tensor

SLOTS = -1
"""Stands for the dimension of slots in a shape."""


class SlotState:
    """Allocates the state of `slots` conversations and clears one slot of all of it.

    On the `meta` device nothing is allocated, which tells how much memory a slot would take.
    """

    def __init__(self, slots: int, device: torch.device) -> None:
        self.slots = slots
        self.device = device
        self._tensors: list[tuple[Tensor, int]] = []
        self._cleared: list[tuple[Tensor, int]] = []

    def allocate(self, shape: tuple[int, ...], dtype: torch.dtype, cleared: bool = True) -> Tensor:
        """Zeros of `shape`, in which SLOTS stands for the number of slots.

        Args:
            cleared: whether `clear` zeroes a slot of it. Otherwise something else must tell which values are valid.
        """
        whole = [self.slots if size == SLOTS else size for size in shape]
        tensor = torch.zeros(whole, dtype=dtype, device=self.device)
        held = (tensor, shape.index(SLOTS))
        self._tensors.append(held)
        if cleared:
            self._cleared.append(held)
        return tensor

    def clear(self, slot: int) -> None:
        """Zero one slot. Also what masks hide: a mask's zero times the NaN of a broken stream would be NaN."""
        torch._foreach_zero_([tensor.select(dimension, slot) for tensor, dimension in self._cleared])

    @property
    def bytes_per_slot(self) -> int:
        """Memory of one slot."""
        return sum(math.prod(tensor.shape) * tensor.element_size() for tensor, _ in self._tensors) // self.slots
