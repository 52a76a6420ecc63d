"""Sounds that are no voice: what a microphone hears besides its user.

Everything is drawn from the generator that the caller passes.
The evaluation has drums, bells, melodies and a synthesizer of its own. Do not add them here: it must stay unheard.
"""

import math
from typing import Any

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from demo_model.architecture import SAMPLE_RATE, Audio

NOISES = ("white", "pink", "brown", "coloured", "hum")


def noise(rng: np.random.Generator, samples: int, kind: str) -> Audio:
    """Steady noise of one of `NOISES` with a standard deviation of 1. Brown noise also has a mean."""
    spectrum = fft.rfft(rng.standard_normal(samples).astype(np.float32))
    rising = np.arange(1, len(spectrum) + 1, dtype=np.float32)
    match kind:
        case "white":
            pass
        case "pink":
            spectrum /= np.sqrt(rising)
        case "brown":
            spectrum /= rising
        case "coloured":
            bands = rng.random(24) ** 3
            spectrum *= np.interp(rising, np.linspace(1, len(spectrum), len(bands)), bands).astype(np.float32)
            spectrum /= rising**0.25
        case "hum":
            spectrum /= rising
        case _:
            raise ValueError(f"{kind!r} is none of {NOISES}")
    audio: NDArray[Any] = fft.irfft(spectrum, samples)
    audio /= audio.std() + 1e-9
    if kind == "hum":
        time = np.arange(samples) / SAMPLE_RATE
        mains = float(rng.choice([50.0, 60.0]))
        tones = [np.sin(2 * np.pi * mains * n * time + rng.uniform(0, 6.28)) / n for n in (1, 2, 3, 5)]
        audio = 0.1 * audio + np.sum(tones, axis=0)
        audio /= audio.std()
    return np.asarray(audio, dtype=np.float32)


def swell(rng: np.random.Generator, samples: int) -> Audio:
    """The amplitude of a sound that rises and falls as wind and traffic do: by up to 24 dB, at most 1."""
    each = rng.uniform(0.4, 5) * SAMPLE_RATE
    moments = np.arange(0, samples + each, each)
    levels = np.interp(np.arange(samples), moments, rng.uniform(-24, 0, len(moments)))
    return np.asarray(10 ** (levels / 20), dtype=np.float32)


def in_parts(rng: np.random.Generator, sound: Audio) -> Audio:
    """`sound`, or in half of the cases every other stretch of it, of 4 to 25 seconds, and silence between them."""
    if rng.random() < 0.5:
        return sound
    lengths = rng.uniform(4, 25, len(sound) // (4 * SAMPLE_RATE) + 2) * SAMPLE_RATE
    stretches = np.split(sound.copy(), np.cumsum(lengths).astype(int))
    for stretch in stretches[int(rng.integers(2)) :: 2]:
        stretch[:] = 0
    return np.concatenate(stretches)


def switched(rng: np.random.Generator, sound: Audio) -> Audio:
    """`sound`, or in four tenths of the cases only its end or its beginning, as if it was switched on or off."""
    if rng.random() < 0.6:
        return sound
    silent = sound.copy()
    moment = int(rng.integers(len(sound)))
    silent[slice(moment) if rng.random() < 0.7 else slice(moment, None)] = 0
    return silent


def at_speed(clip: Audio, speed: float) -> Audio:
    """`clip` played so many times as fast: its pitch and timbre change with it, as if another person spoke."""
    moments = np.arange(0, len(clip) - 1, speed)
    return np.asarray(np.interp(moments, np.arange(len(clip)), clip), dtype=np.float32)


def draw_speed(rng: np.random.Generator) -> float:
    """A speed for `at_speed`, so that few voices become many. It is 1 for three tenths of the speakers."""
    return math.exp(rng.uniform(math.log(0.75), math.log(1.33))) if rng.random() < 0.7 else 1.0


def clicks(rng: np.random.Generator, samples: int, each_second: float) -> Audio:
    """Keys, bumps and knocks: short decaying bursts of coloured noise."""
    audio = np.zeros(samples, dtype=np.float32)
    loudness = rng.uniform(0.01, 0.25)
    for _ in range(int(rng.poisson(each_second * samples / SAMPLE_RATE))):
        length = int(rng.integers(100, 3_600))
        start = int(rng.integers(0, max(1, samples - length)))
        burst: NDArray[Any] = rng.standard_normal(length)
        if rng.random() < 0.5:  # duller
            width = int(rng.integers(2, 40))
            burst = np.convolve(burst, np.ones(width) / np.sqrt(width), mode="same")
        burst *= np.exp(-np.arange(length) / (length / rng.uniform(3, 8))) * loudness * rng.uniform(0.3, 1)
        audio[start : start + length] += burst[: samples - start].astype(np.float32)
    return audio


def music(rng: np.random.Generator, samples: int) -> Audio:
    """Notes and chords, plucked or held, soft or as sharp as a synthesizer's, with a root mean square of 1."""
    audio: Audio = np.zeros(samples, np.float32)
    base = rng.uniform(45, 500)
    beat = rng.uniform(0.12, 0.8)
    held = rng.random() < 0.5
    sharp = rng.random() < 0.4
    overtones = 1 / np.arange(2, 14) if sharp else rng.random(5) ** 2
    if sharp and rng.random() < 0.5:  # a square wave has odd ones only
        overtones[::2] = 0
    strengths = np.array([1.0, *overtones], np.float32)
    voices = 1 if rng.random() < 0.4 else 3
    sweep, vibrato = rng.uniform(0, 8), rng.uniform(0, 0.01) * (rng.random() < 0.4)
    start = 0
    while start < samples:
        length = min(int((beat * rng.choice([1, 1, 2, 4]) * (1.0 if held else 1.5)) * SAMPLE_RATE), samples - start)
        time = np.arange(length, dtype=np.float32) / SAMPLE_RATE
        envelope = np.minimum(1, time / 0.04) if held else np.exp(-time * rng.uniform(2, 9))
        if held:
            envelope = envelope * np.minimum(1, (length / SAMPLE_RATE - time) / 0.04)
        fading = np.exp(-time * sweep / 4)
        waver = vibrato / (2 * np.pi * 6) * np.sin(2 * np.pi * 6 * time)
        for step in rng.integers(0, 20, int(rng.integers(1, voices + 1))):
            pitch = base * 2 ** (step / 12)
            turns = np.arange(length) * (pitch / SAMPLE_RATE) + pitch * waver
            phase = (2 * np.pi * (turns - np.floor(turns))).astype(np.float32)
            # Overtone n is the n-th power of the fundamental. So the sum of all is a polynomial, which needs one sine.
            fundamental = np.empty(length, np.complex64)
            fundamental.real, fundamental.imag = np.cos(phase), np.sin(phase)
            factor = fundamental * fading
            total = np.zeros(length, np.complex64)
            for strength in strengths[: int(SAMPLE_RATE / 2 / pitch)][::-1]:
                total *= factor
                total += strength
            audio[start : start + length] += (total * fundamental).imag * envelope
        start += int(beat * SAMPLE_RATE)
    return np.asarray(audio / (audio.std() + 1e-9), dtype=np.float32)


def tones(rng: np.random.Generator, samples: int) -> Audio:
    """Ring tones, beeps and sirens: one to three steady or gliding sines, on and off, with a root mean square of 1."""
    time = np.arange(samples) / SAMPLE_RATE
    audio: NDArray[Any] = np.zeros(samples)
    glide, wobble = rng.uniform(0, 0.3) * (rng.random() < 0.3), rng.uniform(0.2, 3)
    for pitch in np.exp(rng.uniform(np.log(250), np.log(3_500), int(rng.integers(1, 4)))):
        phase = 2 * np.pi * pitch * (time - glide / (2 * np.pi * wobble) * np.cos(2 * np.pi * wobble * time))
        audio += rng.uniform(0.3, 1) * np.sin(phase)
    period, share = np.exp(rng.uniform(np.log(0.2), np.log(4))), rng.uniform(0.2, 0.8)
    since = time % period
    audio *= np.clip(np.minimum(since, share * period - since) / 0.005, 0, 1)
    return np.asarray(audio / (audio.std() + 1e-9), dtype=np.float32)


def _fast_length(samples: int) -> int:
    """The smallest size of at least `samples` that a Fourier transform is fast at: a product of twos and threes."""
    size: int = min(3**threes * 2 ** math.ceil(math.log2(samples / 3**threes)) for threes in range(10))
    return size


def _dulled(rng: np.random.Generator, sound: NDArray[Any]) -> NDArray[Any]:
    """`sound`, or in half of the cases the mean of its neighbouring samples."""
    if rng.random() < 0.5:
        return sound
    width = int(rng.integers(2, 10))
    return np.convolve(sound, np.ones(width, np.float32) / np.float32(width), mode="same")


def echo(rng: np.random.Generator, played: Audio) -> Audio:
    """`played` as a microphone beside the loudspeaker hears it: late, reflected, duller, at an unchanged level."""
    late = int(rng.uniform(0.06, 0.60) * SAMPLE_RATE)
    response: NDArray[Any] = np.zeros(late + 6_000, np.float32)
    response[late] = 1.0
    for _ in range(int(rng.integers(0, 6))):
        response[late + int(rng.integers(100, 6_000))] += rng.uniform(-0.5, 0.5)
    response = _dulled(rng, response)
    size = _fast_length(len(played) + len(response))
    heard = fft.irfft(fft.rfft(played, size) * fft.rfft(response, size), size)[: len(played)]
    returned: Audio = (heard * (played.std() / (heard.std() + 1e-9))).astype(np.float32)
    return room(rng, returned) if rng.random() < 0.4 else returned


def room(rng: np.random.Generator, audio: Audio) -> Audio:
    """`audio` through a room and a microphone: a short reverberation and a limited band, at an unchanged level.

    The narrowest bands are those of a telephone and of a wireless headset.
    """
    level = audio.std()
    audio = _dulled(rng, audio)
    size = _fast_length(len(audio) + SAMPLE_RATE // 2)
    spectrum = fft.rfft(audio, size)
    frequency = fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    if rng.random() < 0.6:
        tail = rng.standard_normal(int(rng.uniform(0.05, 0.3) * SAMPLE_RATE))
        tail *= np.exp(-6 * np.arange(len(tail)) / len(tail))
        tail *= 10 ** (rng.uniform(-18, -6) / 20) / np.sqrt((tail**2).sum())
        tail[0] += 1.0
        spectrum *= fft.rfft(tail.astype(np.float32), size)
    if rng.random() < 0.6:
        low, high = rng.uniform(50, 350), math.exp(rng.uniform(math.log(2_500), math.log(10_000)))
        spectrum /= np.sqrt((1 + (low / (frequency + 1)) ** 4) * (1 + (frequency / high) ** 6))
    heard: NDArray[Any] = fft.irfft(spectrum, size)[: len(audio)]
    return np.asarray(heard * (level / (heard.std() + 1e-9)), dtype=np.float32)
