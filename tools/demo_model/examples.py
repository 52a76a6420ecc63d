"""Training examples, drawn side by side in processes of their own, while the model learns from those before."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

type Draw[Example] = Callable[[np.random.Generator], Example]


class _Drawn[Example](Dataset[Example]):
    """Example `number` depends on the seed and the number alone, not on the process that draws it."""

    def __init__(self, draw: Draw[Example], seed: int, count: int) -> None:
        self._draw, self._seed, self._count = draw, seed, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Example:
        if number >= self._count:
            raise IndexError(number)
        return self._draw(np.random.default_rng([self._seed, number]))


def examples[Example](draw: Draw[Example], seed: int, count: int) -> Iterator[Example]:
    """`count` examples, in the order of their numbers. `draw` must not use a GPU: it runs in forked processes."""
    yield from DataLoader(_Drawn(draw, seed, count), batch_size=None, collate_fn=_unchanged, num_workers=_processes())


def batches(
    draw: Draw[tuple[Any, ...]], seed: int, steps: int, size: int, device: torch.device
) -> Iterator[tuple[torch.Tensor, ...]]:
    """`steps` batches of `size` examples, each field of which is stacked to [size, ...] on `device`."""
    drawn = _Drawn(draw, seed, steps * size)
    for batch in DataLoader(drawn, batch_size=size, num_workers=_processes()):
        yield tuple(field.to(device) for field in batch)


def _processes() -> int:
    return os.cpu_count() or 1


def _unchanged[Example](example: Example) -> Example:
    return example
