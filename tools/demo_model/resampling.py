"""Changing the sample rate of a whole recording."""

from math import gcd

import numpy as np
from numpy.typing import NDArray


def resampled(audio: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """`audio` at `new_rate`, without the frequencies that do not fit. It wraps around: both ends should be silent."""
    step = 2 * rate // gcd(rate, new_rate)
    padded = len(audio) + -len(audio) % step
    samples = padded * new_rate // rate
    spectrum = np.fft.rfft(audio, padded)
    # With fewer bins than `irfft` expects, it takes the missing ones for zeros.
    return (np.fft.irfft(spectrum[: samples // 2 + 1], samples) * samples / padded).astype(np.float32)
