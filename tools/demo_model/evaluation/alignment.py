"""The place in a recording where an original begins."""

import numpy as np
from numpy.typing import NDArray

from demo_model.evaluation.conversing import Samples

HOP = 120
"""Samples in 5 ms, to which speech is aligned."""


def _envelope(audio: Samples) -> NDArray[np.float64]:
    """Log energy of each 5 ms, above a floor, around 0."""
    levels = np.log(np.square(audio[: len(audio) // HOP * HOP].reshape(-1, HOP)).mean(axis=1) + 1e-5)
    return np.asarray(levels - levels.mean())


def offset_of(original: Samples, audio: Samples) -> int:
    """The sample of `audio` at which `original` begins, by the envelopes. It may be before the first one."""
    one, other = _envelope(audio), _envelope(original)
    return int(np.argmax(np.correlate(one, other, mode="full")) - (len(other) - 1)) * HOP


def cut(audio: Samples, offset: int, length: int) -> Samples:
    """`length` samples of `audio` from `offset` on, with silence where it has none."""
    padded = np.pad(audio, (max(0, -offset), max(0, offset + length - len(audio))))
    first = max(0, offset)
    return np.asarray(padded[first : first + length], dtype=np.float32)
