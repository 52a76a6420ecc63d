"""The first steps of a model: they make it fast, and show how many slots it can serve in real time."""

import time
from bisect import bisect_right
from dataclasses import dataclass
from functools import partial

import numpy as np

from moshi_backend.engine.scheduler import PERIOD, Scheduler, StepTimes
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.prompt import Prompt

AFFORDABLE = 0.85 * PERIOD
"""Seconds that a step of every slot may take. The rest is for the machine's other work and for slower steps."""

STEPS = 6
"""Steps of each measurement, unless they are very slow."""

VERY_SLOW = 1.0
"""Seconds. After such a step no other one is measured."""


@dataclass(frozen=True)
class Pace:
    """The number of slots, and the seconds of a step with all of them."""

    slots: int
    step: float

    @property
    def affordable(self) -> bool:
        """Whether the steps keep up with real time."""
        return self.step <= AFFORDABLE


def measure_steps(model: BatchedModel, fixed: bool, times: StepTimes) -> Pace:
    """Step with every slot; then, unless the number of slots is `fixed`, lower it until a step is affordable."""
    slots = model.slots
    step = _step_seconds(model, times, slots)
    smaller = model.batch_sizes[:-1]
    if step > AFFORDABLE and smaller and not fixed:
        affordable = bisect_right(smaller, AFFORDABLE, key=partial(_step_seconds, model, times))
        slots = smaller[max(0, affordable - 1)]
        step = _step_seconds(model, times, slots)
    return Pace(slots, step)


def _step_seconds(model: BatchedModel, times: StepTimes, slots: int) -> float:
    """Seconds of a step with so many slots, once it is warm. All are in long conversations, which cost most."""
    for slot in range(slots):
        model.join(slot, model.sampling)
        model.fill_window(slot)
    frames = dict.fromkeys(range(slots), np.zeros(model.frame_size, dtype=np.float32))
    fastest = float("inf")
    for _ in range(STEPS):
        began = time.monotonic()
        model.step(frames)
        seconds = time.monotonic() - began
        times.add(seconds)
        fastest = min(fastest, seconds)
        if seconds > VERY_SLOW:
            break
    return fastest


def measure_prefill(model: BatchedModel, prompt: Prompt, scheduler: Scheduler) -> None:
    """Read a prompt, so that the scheduler knows how long a chunk takes."""
    for _ in range(2):  # the first time, libraries choose their kernels
        model.join(0, model.sampling, prompt)
        over = False
        while not over:
            began = time.monotonic()
            prefill = model.prefill(0, scheduler.chunks.positions)
            scheduler.prefilled(prefill.last, began, time.monotonic())
            over = prefill.done == prefill.total
