"""Sounds that are no voice: what a microphone hears besides its user.

Everything is drawn from the generator that the caller passes. Audio is mono float32 at 24 kHz.
The evaluation has drums, bells and melodies of its own. Do not add them here: it must stay unheard.
"""

import numpy as np

SAMPLE_RATE = 24_000
NOISES = ("white", "pink", "brown", "coloured", "hum")


def noise(rng: np.random.Generator, samples: int, kind: str) -> np.ndarray:
    """Steady noise of one of `NOISES` with a root mean square of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    rising = np.arange(1, len(spectrum) + 1, dtype=np.float64)
    match kind:
        case "white":
            pass
        case "pink":
            spectrum /= np.sqrt(rising)
        case "brown":
            spectrum /= rising
        case "coloured":
            bands = rng.random(24) ** 3
            spectrum *= np.interp(rising, np.linspace(1, len(spectrum), len(bands)), bands) / rising**0.25
        case "hum":
            spectrum /= rising
        case _:
            raise ValueError(f"{kind!r} is none of {NOISES}")
    audio = np.fft.irfft(spectrum, samples)
    audio /= audio.std() + 1e-9
    if kind == "hum":
        time = np.arange(samples) / SAMPLE_RATE
        mains = float(rng.choice([50.0, 60.0]))
        tones = [np.sin(2 * np.pi * mains * n * time + rng.uniform(0, 6.28)) / n for n in (1, 2, 3, 5)]
        audio = 0.1 * audio + np.sum(tones, axis=0)
        audio /= audio.std()
    return audio.astype(np.float32)


def clicks(rng: np.random.Generator, samples: int, each_second: float) -> np.ndarray:
    """Keys, bumps and knocks: short decaying bursts of coloured noise."""
    audio = np.zeros(samples, dtype=np.float32)
    loudness = rng.uniform(0.01, 0.25)
    for _ in range(int(rng.poisson(each_second * samples / SAMPLE_RATE))):
        length = int(rng.integers(100, 3_600))
        start = int(rng.integers(0, max(1, samples - length)))
        burst = rng.standard_normal(length)
        if rng.random() < 0.5:  # duller
            width = int(rng.integers(2, 40))
            burst = np.convolve(burst, np.ones(width) / np.sqrt(width), mode="same")
        burst *= np.exp(-np.arange(length) / (length / rng.uniform(3, 8))) * loudness * rng.uniform(0.3, 1)
        audio[start : start + length] += burst[: samples - start].astype(np.float32)
    return audio


def music(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Chords, plucked or held, with a root mean square of 1."""
    audio = np.zeros(samples, dtype=np.float64)
    base = rng.uniform(90, 500)
    beat = rng.uniform(0.15, 0.8)
    held = rng.random() < 0.5
    overtones = rng.random(5) ** 2
    start = 0
    while start < samples:
        length = min(int((beat * rng.choice([1, 1, 2, 4]) * (1.0 if held else 1.5)) * SAMPLE_RATE), samples - start)
        time = np.arange(length) / SAMPLE_RATE
        envelope = np.minimum(1, time / 0.04) if held else np.exp(-time * rng.uniform(2, 9))
        if held:
            envelope = envelope * np.minimum(1, (length / SAMPLE_RATE - time) / 0.04)
        for step in rng.integers(0, 20, int(rng.integers(1, 4))):
            pitch = base * 2 ** (step / 12)
            for number, strength in enumerate([1.0, *overtones], start=1):
                audio[start : start + length] += strength * np.sin(2 * np.pi * pitch * number * time) * envelope
        start += int(beat * SAMPLE_RATE)
    return (audio / (audio.std() + 1e-9)).astype(np.float32)


def echo(rng: np.random.Generator, played: np.ndarray) -> np.ndarray:
    """`played` as a microphone beside the loudspeaker hears it: late, reflected, duller, at an unchanged level."""
    late = int(rng.uniform(0.06, 0.40) * SAMPLE_RATE)
    response = np.zeros(late + 6_000)
    response[late] = 1.0
    for _ in range(int(rng.integers(0, 6))):
        response[late + int(rng.integers(100, 6_000))] += rng.uniform(-0.5, 0.5)
    if rng.random() < 0.5:
        width = int(rng.integers(2, 10))
        response = np.convolve(response, np.ones(width) / width, mode="same")
    size = len(played) + len(response)
    heard = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)[: len(played)]
    level = played.std() / (heard.std() + 1e-9)
    return (heard * level).astype(np.float32)
