"""Loudness of speech as PersonaPlex measures it: BS.1770-4 by pyloudnorm, whose filters differ from the standard's.

pyloudnorm rounds the standard's filter constants and makes the filters by the formulas of the Audio EQ Cookbook. Its
values are up to 0.09 dB below those of the standard. A voice must come out as loud as in PersonaPlex's own server, so
its values are followed.
"""

import numpy as np
from numpy.typing import NDArray

from moshi_backend.errors import personas as errors
from moshi_service.errors import InvalidValue

BLOCK_SECONDS = 0.4
OVERLAP = 4
"""A block begins every quarter of one."""

SILENCE = -70.0
RELATIVE_GATE = -10.0
OFFSET = -0.691
"""The standard's constant that aligns its scale with other meters."""

SHELF_HZ, SHELF_DB, SHELF_Q = 1500.0, 4.0, 2**-0.5
HIGH_PASS_HZ, HIGH_PASS_Q = 38.0, 0.5


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """In LUFS, of one channel, [samples]; minus infinity for silence and for less than one block."""
    heard = np.fft.irfft(np.fft.rfft(samples, 2 * len(samples)) * _weighting(2 * len(samples), rate))[: len(samples)]
    power = _blocks(heard, rate)
    loud = power[_lufs(power) > SILENCE]
    if not len(loud):
        return -np.inf
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE].mean()))


def normalised(samples: NDArray[np.float32], rate: int, target: float) -> NDArray[np.float32]:
    """As loud as `target`, in LUFS; samples beyond full scale are clipped.

    Raises:
        InvalidValue: it is silent.
    """
    now = loudness(samples, rate)
    if now == -np.inf:
        raise InvalidValue(errors.recording_silent())
    return np.clip(samples * 10 ** ((target - now) / 20), -1, 1).astype(np.float32)


def _blocks(heard: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The mean power of each block. The last one may end up to half a step after the samples, as in pyloudnorm."""
    block = BLOCK_SECONDS * rate
    if len(heard) < block:
        return np.empty(0)
    count = round((len(heard) - block) / (block / OVERLAP)) + 1
    begins = np.arange(count) * (block / OVERLAP)
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    ends = np.minimum(begins + block, len(heard))
    power: NDArray[np.float64] = (energy[ends.astype(int)] - energy[begins.astype(int)]) / block
    return power


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = OFFSET + 10 * np.log10(np.maximum(power, 1e-20))
    return levels


def _weighting(length: int, rate: int) -> NDArray[np.complex128]:
    """The K-weighting's response at each frequency of a spectrum of `length` samples: a high shelf and a high pass."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    return _shelf(z, rate) * _high_pass(z, rate)


def _shelf(z: NDArray[np.complex128], rate: int) -> NDArray[np.complex128]:
    gain = 10 ** (SHELF_DB / 40)
    cosine, alpha = _angle(SHELF_HZ, SHELF_Q, rate)
    above, below, slope = gain + 1, gain - 1, 2 * np.sqrt(gain) * alpha
    over = (above + below * cosine + slope) - 2 * (below + above * cosine) * z + (above + below * cosine - slope) * z**2
    under = (
        (above - below * cosine + slope) + 2 * (below - above * cosine) * z + (above - below * cosine - slope) * z**2
    )
    response: NDArray[np.complex128] = gain * over / under
    return response


def _high_pass(z: NDArray[np.complex128], rate: int) -> NDArray[np.complex128]:
    cosine, alpha = _angle(HIGH_PASS_HZ, HIGH_PASS_Q, rate)
    over = (1 + cosine) / 2 * (1 - z) ** 2
    response: NDArray[np.complex128] = over / ((1 + alpha) - 2 * cosine * z + (1 - alpha) * z**2)
    return response


def _angle(corner: float, q: float, rate: int) -> tuple[float, float]:
    """The cookbook's cos(w0) and alpha."""
    angle = 2 * np.pi * corner / rate
    return float(np.cos(angle)), float(np.sin(angle) / (2 * q))
