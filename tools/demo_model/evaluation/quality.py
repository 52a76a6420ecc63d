"""How close speech is to its original: alignment, STOI and PESQ. Needs the packages of `make setup-demo`."""

import numpy as np
import pesq as pesq_library
import pystoi
from numpy.typing import NDArray

from demo_model.evaluation.conversing import SAMPLE_RATE, Samples
from demo_model.resampling import resampled

_HOP = 120
"""Samples in 5 ms, to which speech is aligned."""


def _envelope(audio: Samples) -> NDArray[np.float64]:
    """Log energy of each 5 ms, above a floor, around 0."""
    levels = np.log(np.square(audio[: len(audio) // _HOP * _HOP].reshape(-1, _HOP)).mean(axis=1) + 1e-5)
    return np.asarray(levels - levels.mean())


def offset_of(original: Samples, audio: Samples) -> int:
    """The sample of `audio` at which `original` begins, by the envelopes. It may be before the first one."""
    one, other = _envelope(audio), _envelope(original)
    return int(np.argmax(np.correlate(one, other, mode="full")) - (len(other) - 1)) * _HOP


def cut(audio: Samples, offset: int, length: int) -> Samples:
    """`length` samples of `audio` from `offset` on, with silence where it has none."""
    padded = np.pad(audio, (max(0, -offset), max(0, offset + length - len(audio))))
    first = max(0, offset)
    return np.asarray(padded[first : first + length], dtype=np.float32)


def stoi(original: Samples, audio: Samples) -> float:
    """Short-time objective intelligibility, 0 to 1."""
    return float(pystoi.stoi(original, audio, SAMPLE_RATE))


def pesq(original: Samples, audio: Samples) -> float:
    """Perceptual evaluation of speech quality, wide band: 1 (bad) to 4.6."""
    return float(pesq_library.pesq(16_000, *(resampled(one, SAMPLE_RATE, 16_000) for one in (original, audio)), "wb"))
