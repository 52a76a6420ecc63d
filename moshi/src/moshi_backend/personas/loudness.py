"""Loudness of speech by ITU-R BS.1770-4: what broadcasters normalise by, and what PersonaPlex's voices have."""

import numpy as np
from numpy.typing import NDArray

BLOCK_SECONDS = 0.4
OVERLAP = 4
"""A block begins every quarter of one."""

SILENCE = -70.0
RELATIVE_GATE = -10.0
OFFSET = -0.691
"""By which the standard's scale meets that of other meters."""


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """In LUFS, of one channel, [samples]; minus infinity for silence and for less than one block."""
    heard = np.fft.irfft(np.fft.rfft(samples, 2 * len(samples)) * _weighting(2 * len(samples), rate))[: len(samples)]
    step = round(BLOCK_SECONDS / OVERLAP * rate)
    quarters = (heard[: len(heard) // step * step] ** 2).reshape(-1, step).mean(1)
    if len(quarters) < OVERLAP:
        return -np.inf
    power = np.lib.stride_tricks.sliding_window_view(quarters, OVERLAP).mean(1)
    loud = power[_lufs(power) > SILENCE]
    if not len(loud):
        return -np.inf
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE].mean()))


def normalised(samples: NDArray[np.float32], rate: int, target: float) -> NDArray[np.float32]:
    """As loud as `target`, in LUFS; what is then too loud for a sample is cut off.

    Raises:
        ValueError: it is silent.
    """
    now = loudness(samples, rate)
    if now == -np.inf:
        raise ValueError("it is silent")
    return np.clip(samples * 10 ** ((target - now) / 20), -1, 1).astype(np.float32)


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = OFFSET + 10 * np.log10(np.maximum(power, 1e-20))
    return levels


def _weighting(length: int, rate: int) -> NDArray[np.complex128]:
    """What the ear makes of each frequency of a spectrum: the standard's two filters, for any rate.

    The standard gives coefficients for 48 kHz; these are the analogue filters that they come from.
    """
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    return _shelf(z, rate, 1681.974450955533, 3.999843853973347, 0.7071752369554196) * _high_pass(
        z, rate, 38.13547087602444, 0.5003270373238773
    )


def _shelf(z: NDArray[np.complex128], rate: int, corner: float, gain: float, q: float) -> NDArray[np.complex128]:
    k = np.tan(np.pi * corner / rate)
    high = 10 ** (gain / 20)
    middle = high**0.4996667741545416
    over = (high + middle * k / q + k * k) + 2 * (k * k - high) * z + (high - middle * k / q + k * k) * z**2
    response: NDArray[np.complex128] = over / ((1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2)
    return response


def _high_pass(z: NDArray[np.complex128], rate: int, corner: float, q: float) -> NDArray[np.complex128]:
    k = np.tan(np.pi * corner / rate)
    under = 1 + k / q + k * k
    response: NDArray[np.complex128] = (1 - z) ** 2 / (
        1 + 2 * (k * k - 1) / under * z + (1 - k / q + k * k) / under * z**2
    )
    return response
