"""The tensors that hold one share per row."""

import math

import torch
from torch import Tensor

ROWS = -1
"""Stands for the dimension of rows in a shape."""


class RowState:
    """Allocates the state of `rows` conversations and clears one row of all of it.

    On the `meta` device nothing is allocated, which tells what a row would take.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        self.rows = rows
        self.device = device
        self._tensors: list[tuple[Tensor, int]] = []

    def allocate(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Zeros of `shape`, in which ROWS stands for the number of rows."""
        whole = [self.rows if size == ROWS else size for size in shape]
        tensor = torch.zeros(whole, dtype=dtype, device=self.device)
        self._tensors.append((tensor, shape.index(ROWS)))
        return tensor

    def clear(self, row: int) -> None:
        """Zero one row. Also what masks hide: a mask's zero times the NaN of a broken stream would be NaN."""
        torch._foreach_zero_([tensor.select(dimension, row) for tensor, dimension in self._tensors])

    @property
    def bytes_per_row(self) -> int:
        return sum(math.prod(tensor.shape) * tensor.element_size() for tensor, _ in self._tensors) // self.rows
