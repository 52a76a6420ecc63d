"""Loudness, against the values of pyloudnorm."""

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_backend.personas.loudness import loudness, normalised


def tone(hertz: float, rate: int) -> NDArray[np.float32]:
    samples: NDArray[np.float64] = 0.25 * np.sin(2 * np.pi * hertz * np.arange(3 * rate) / rate)
    return samples.astype(np.float32)


def swelling_noise(rate: int) -> NDArray[np.float32]:
    """3.73 s, so that the last block does not end with the samples; its quiet parts are below the gate."""
    noise = np.random.Generator(np.random.Philox(key=(7, 0))).random(int(3.73 * rate)) * 0.4 - 0.2
    swell = np.abs(np.sin(np.arange(len(noise)) / rate * 2.1)) ** 2
    samples: NDArray[np.float64] = noise * swell
    return samples.astype(np.float32)


PYLOUDNORM = {
    24_000: {
        "60": -18.67387,
        "300": -15.87446,
        "1000": -15.09803,
        "3000": -11.95187,
        "8000": -11.74329,
        "noise": -19.44079,
    },
    48_000: {
        "60": -18.67391,
        "300": -15.87432,
        "1000": -15.08622,
        "3000": -11.97741,
        "8000": -11.74617,
        "noise": -19.20719,
    },
}
"""LUFS that pyloudnorm 0.2.0, which PersonaPlex's server uses, gives these signals: tones in Hz, and noise."""


@pytest.mark.parametrize("rate", PYLOUDNORM)
def test_loudness_is_what_personaplex_measures(rate: int) -> None:
    """Its filters differ by up to 0.09 dB from those of BS.1770, so a looser comparison would not tell them apart."""
    for name, expected in PYLOUDNORM[rate].items():
        samples = swelling_noise(rate) if name == "noise" else tone(float(name), rate)
        assert loudness(samples, rate) == pytest.approx(expected, abs=0.001), name
    # Pauses do not count: the gate leaves them out.
    loud = tone(1000, rate)
    paused = np.concatenate((loud, np.zeros(10 * rate, np.float32), loud))
    assert loudness(paused, rate) == pytest.approx(loudness(loud, rate), abs=0.5)


def test_a_recording_is_brought_to_the_loudness_of_the_others() -> None:
    loud = (np.sin(np.arange(72_000) * 0.2) * 0.7).astype(np.float32)
    assert loudness(normalised(loud, 24_000, -24), 24_000) == pytest.approx(-24, abs=0.01)
    for silent in (np.zeros(72_000, np.float32), loud[:2400]):
        with pytest.raises(ValueError, match="silent"):
            normalised(silent, 24_000, -24)
