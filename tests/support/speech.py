"""Something to say, for a model."""

import numpy as np
from numpy.typing import NDArray

FRAME = 1920
"""Samples, 80 ms."""

type Samples = NDArray[np.float32]


def speech(seed: int, frames: int = 300) -> list[Samples]:
    """Noise whose loudness wanders, so that frames differ."""
    generator = np.random.default_rng(seed)
    level = np.abs(np.sin(np.arange(frames) * generator.uniform(0.2, 1.0)))[:, None] * 0.4
    return list((generator.standard_normal((frames, FRAME)) * level).clip(-1, 1).astype(np.float32))
