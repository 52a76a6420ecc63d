"""The model's size, and the time of a step against the random model that it replaced, both by turns."""

import statistics
import time
from pathlib import Path

import numpy as np
import torch

from demo_model.evaluation.conversing import FRAME, load
from demo_model.evaluation.report import Criterion

WARM_UP, STEPS = 20, 300
LARGEST = 4.0
"""Million bytes of a checkpoint."""


def measure(checkpoint: Path, baseline: Path | str) -> list[Criterion]:
    """The size of the checkpoint's files, and the ratio of the median steps at 1 and 16 conversations."""
    size = sum(file.stat().st_size for file in Path(checkpoint).iterdir()) / 1e6
    criteria = [Criterion("size of the files", size, LARGEST, 1, at_most=True, unit="MB")]
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(FRAME) * 0.05).astype(np.float32)
    for slots in (1, 16):
        models = [load(path, slots, torch.float32) for path in (checkpoint, baseline)]
        times: list[list[float]] = [[], []]
        for model in models:
            for row in range(slots):
                model.join(row, model.sampling)
        for step in range(WARM_UP + STEPS):
            for model, taken in zip(models, times, strict=True):
                begun = time.perf_counter()
                model.step(dict.fromkeys(range(slots), sound))
                if step >= WARM_UP:
                    taken.append(time.perf_counter() - begun)
        ours, theirs = (statistics.median(taken) for taken in times)
        name = (
            f"a step against the random model's, {slots} conversation{'s' if slots > 1 else ''} ({ours * 1000:.1f} ms)"
        )
        criteria.append(Criterion(name, ours / theirs, 1.25, STEPS, at_most=True, unit=""))
    return criteria
