"""The likeness of speech and its original: STOI and PESQ. Needs the packages of `make setup-demo`."""

import pesq as pesq_library
import pystoi

from demo_model.evaluation.conversing import SAMPLE_RATE, Samples
from demo_model.resampling import resampled


def stoi(original: Samples, audio: Samples) -> float:
    """Short-time objective intelligibility, 0 to 1."""
    return float(pystoi.stoi(original, audio, SAMPLE_RATE))


def pesq(original: Samples, audio: Samples) -> float:
    """Perceptual evaluation of speech quality, wide band: 1 (bad) to 4.6."""
    return float(pesq_library.pesq(16_000, *(resampled(one, SAMPLE_RATE, 16_000) for one in (original, audio)), "wb"))
