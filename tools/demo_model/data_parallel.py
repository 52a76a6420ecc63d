"""Data parallelism on a CPU: each core computes the gradients of its part of a batch.

PyTorch can share one operation among cores instead. The matrices of the demo are too small to gain much by that.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

type Loss = Callable[..., tuple[torch.Tensor, torch.Tensor]]
"""Of fields [B, ...] of a batch: the loss, which is a mean, and figures to report, which are means too."""


class DataParallel:
    """Computes the gradients of `loss` with respect to `parameters`, on as many cores as there are.

    Threads are enough, because PyTorch does not hold Python's lock while it calculates. A GPU gets the batch whole.
    """

    def __init__(self, loss: Loss, parameters: Sequence[torch.Tensor], device: torch.device) -> None:
        self._loss = loss
        self._parameters = parameters
        self._parts = 1 if device.type != "cpu" else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self._parts)

    def backward(self, *fields: torch.Tensor) -> torch.Tensor:
        """Put the gradients of a batch into the parameters' `grad`, and return the figures."""
        parts = list(zip(*(field.tensor_split(min(self._parts, len(field))) for field in fields), strict=True))
        done = list(self._threads.map(self._gradients, parts))
        for number, parameter in enumerate(self._parameters):
            computed = [gradients[number] for gradients, _ in done if gradients[number] is not None]
            parameter.grad = torch.stack(computed).sum(0) / len(parts) if computed else None
        return torch.stack([figures for _, figures in done]).mean(0)

    def _gradients(self, fields: tuple[torch.Tensor, ...]) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        loss, figures = self._loss(*fields)
        return torch.autograd.grad(loss, self._parameters, allow_unused=True), figures.detach()
