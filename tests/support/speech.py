"""Something to say to a model, and whether two say the same to it."""

import numpy as np
from numpy.typing import NDArray

from moshi_backend.model.batch import Frame

FRAME = 1920
"""Samples, 80 ms."""

type Samples = NDArray[np.float32]


def speech(seed: int, frames: int = 300) -> list[Samples]:
    """Noise whose loudness wanders, so that frames differ."""
    generator = np.random.default_rng(seed)
    level = np.abs(np.sin(np.arange(frames) * generator.uniform(0.2, 1.0)))[:, None] * 0.4
    return list((generator.standard_normal((frames, FRAME)) * level).clip(-1, 1).astype(np.float32))


def assert_same(ours: list[Frame], theirs: list[Frame], tolerance: float = 0.0) -> None:
    assert [frame.tokens for frame in ours] == [frame.tokens for frame in theirs]
    assert len(ours) > 0
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.pcm, other.pcm, rtol=0, atol=tolerance)
