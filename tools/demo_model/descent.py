"""The loop that all trainings share: AdamW, whose learning rate rises and then falls along half a cosine."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.adamw import AdamW

from demo_model.data_parallel import DataParallel, Loss

LOWEST = 0.02
"""Share of the highest learning rate, below which it does not fall."""
LONGEST_GRADIENT = 1.0
"""A gradient with a greater norm is scaled to it."""
MEMORY = 0.98
"""Share of the old mean in the new one."""


@dataclass(frozen=True)
class Descent:
    """A training of `steps` batches.

    Attributes:
        learning_rate: the highest one.
        warmup: batches in which the learning rate rises to it.
        betas: of AdamW.
        weight_decay: of AdamW.
    """

    steps: int
    learning_rate: float
    warmup: int
    betas: tuple[float, float]
    weight_decay: float

    def rate(self, step: int) -> float:
        """The learning rate of batch `step`, from 0."""
        warm = min(1.0, (step + 1) / self.warmup)
        return self.learning_rate * warm * max(LOWEST, 0.5 + 0.5 * math.cos(math.pi * step / self.steps))

    def run(
        self, loss: Loss, parameters: Sequence[torch.Tensor], drawn: Iterable[tuple[torch.Tensor, ...]]
    ) -> Iterator[tuple[int, list[float]]]:
        """Learn from each of the batches `drawn`. After it, yield its number and the moving means of the figures.

        The parameters are all on one device. They learn whether or not they required gradients before.
        """
        parameters = [parameter.requires_grad_() for parameter in parameters]
        optimizer = AdamW(parameters, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay)
        gradients = DataParallel(loss, parameters, parameters[0].device)
        mean: torch.Tensor | None = None
        for step, batch in enumerate(drawn):
            for group in optimizer.param_groups:
                group["lr"] = self.rate(step)
            figures = gradients.backward(*batch)
            nn.utils.clip_grad_norm_(parameters, LONGEST_GRADIENT)
            optimizer.step()
            mean = figures if mean is None else MEMORY * mean + (1 - MEMORY) * figures
            yield step, mean.tolist()
