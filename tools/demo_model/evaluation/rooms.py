"""Rooms in which nobody talks, but which are not silent: noise, clicks, music, and the model's own echo.

The kinds of music are other ones than those that training draws (`demo_model.acoustics`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_model import acoustics
from demo_model.evaluation.conversing import FRAME, SAMPLE_RATE, Party, Samples, Talk

type Sound = NDArray[np.float64]

ECHO_LEVELS = (-10.0, -20.0, -30.0, -40.0)
"""dB of the echo against the sound that is played."""
REPEATS = 30 * SAMPLE_RATE
"""Samples of a room's sound, which then begins again."""
LOUDEST = -30.0
"""Root mean square of noise and music, in dBFS."""


class Room:
    """A microphone that hears `sound`, over and over, and an echo of the model.

    Attributes:
        sound: [samples].
        echo: amplitude of the echo against the sound that is played.
    """

    def __init__(self, sound: Samples, echo: float = 0.0, delay: float = 0.0) -> None:
        """`delay` is the seconds by which the echo is late."""
        self.talks: list[Talk] = []
        self.sound, self.echo = sound, np.float32(echo)
        self._late: Samples = np.zeros(round(delay * SAMPLE_RATE), dtype=np.float32)
        self._frame = 0

    def microphone(self, played: Samples) -> Samples:
        """The sound that `Party` asks for: see there."""
        start = self._frame * FRAME
        self._frame += 1
        line = np.concatenate([self._late, played])
        self._late = line[FRAME:]
        sound = self.sound.take(range(start, start + FRAME), mode="wrap")
        return np.clip(sound + self.echo * line[:FRAME], -1, 1).astype(np.float32)


def at_level(sound: NDArray[np.floating[Any]], level: float) -> Samples:
    """`sound` with a root mean square of `level` dBFS."""
    loud: Samples = (sound / (sound.std() + 1e-9) * 10 ** (level / 20)).astype(np.float32)
    return loud


def _faint(rng: np.random.Generator, samples: int) -> Samples:
    return at_level(acoustics.noise(rng, samples, "pink"), rng.uniform(-80, -60))


def echoing(rng: np.random.Generator, samples: int, number: int) -> Room:
    """Its own echo, 80 to 240 ms late, at each level in turn."""
    level = ECHO_LEVELS[number % len(ECHO_LEVELS)]
    return Room(_faint(rng, samples), 10 ** (level / 20), rng.uniform(0.08, 0.24))


def noisy(rng: np.random.Generator, samples: int, number: int) -> Room:
    """Each kind of steady noise in turn, and gusts; a third of them at the loudest level."""
    kinds = (*acoustics.NOISES, "gusts")
    kind = kinds[number % len(kinds)]
    sound: NDArray[np.floating[Any]] = acoustics.noise(rng, samples, "pink" if kind == "gusts" else kind)
    if kind == "gusts":
        time = np.arange(samples) / SAMPLE_RATE
        sound = sound * (1.2 + np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * time + rng.uniform(0, 6)))
    return Room(at_level(sound, LOUDEST if number % 3 == 0 else rng.uniform(-55, LOUDEST)))


def clicking(rng: np.random.Generator, samples: int, number: int) -> Room:
    """Keys: 2 to 6 in a second, each a press and a release of 5 to 30 ms."""
    sound = _faint(rng, samples)
    for start in np.cumsum(rng.exponential(1 / rng.uniform(2, 6), 400)):
        for after, loudness in ((0.0, 1.0), (rng.uniform(0.06, 0.14), 0.5)):
            first = int((start + after) * SAMPLE_RATE)
            length = min(int(rng.uniform(0.005, 0.03) * SAMPLE_RATE), samples - first)
            if length <= 0:
                continue
            decay = np.exp(-np.arange(length) / (length / 5))
            burst = rng.standard_normal(length) * decay * rng.uniform(0.02, 0.2) * loudness
            sound[first : first + length] += burst.astype(np.float32)
    return Room(np.clip(sound, -1, 1))


def drums(rng: np.random.Generator, samples: int) -> Sound:
    """Bass drum, snare and hi-hat in a steady beat, with variations."""
    sound = np.zeros(samples)
    step = int(rng.uniform(0.10, 0.2) * SAMPLE_RATE)
    for number, start in enumerate(range(0, samples, step)):
        length = min(int(0.25 * SAMPLE_RATE), samples - start)
        time = np.arange(length) / SAMPLE_RATE
        hit = 0.15 * rng.standard_normal(length) * np.exp(-time * 70)
        if number % 4 == 0 or rng.random() < 0.1:
            hit += np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-time * 25)))) * np.exp(-time * 12)
        if number % 8 == 4 or rng.random() < 0.1:
            hit += 0.6 * (rng.standard_normal(length) + np.sin(2 * np.pi * 190 * time)) * np.exp(-time * 22)
        sound[start : start + length] += hit
    return sound


def bells(rng: np.random.Generator, samples: int) -> Sound:
    """Bells: partials that are no multiples of the pitch, and ring long."""
    sound = np.zeros(samples)
    start = 0
    while start < samples:
        time = np.arange(min(samples - start, 4 * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = rng.uniform(300, 1_200)
        for ratio, strength, decay in ((0.5, 0.5, 0.6), (1, 1, 1), (1.19, 0.6, 1.3), (1.56, 0.4, 2), (2.0, 0.5, 2.5)):
            sound[start : start + len(time)] += (
                strength * np.sin(2 * np.pi * pitch * ratio * time) * np.exp(-time * decay * 2)
            )
        start += int(rng.uniform(0.3, 1.5) * SAMPLE_RATE)
    return sound


def melody(rng: np.random.Generator, samples: int) -> Sound:
    """One voice that slides from note to note with vibrato, as a violin or a whistle."""
    notes = rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 400) + rng.integers(-5, 12)
    lengths = rng.choice([0.2, 0.3, 0.4, 0.6], 400)
    ends = np.cumsum(lengths)
    time = np.arange(samples) / SAMPLE_RATE
    steps = 440.0 * 2.0 ** (notes[np.searchsorted(ends, time) % 400] / 12)
    glide = np.ones(int(0.03 * SAMPLE_RATE)) / int(0.03 * SAMPLE_RATE)
    slides = np.convolve(np.pad(steps, (len(glide) - 1, 0), mode="edge"), glide, mode="valid")
    pitch = slides * (1 + 0.008 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    overtones = rng.random(6) / np.arange(2, 8)
    parts = [np.sin(phase), *(strength * np.sin(phase * n) for n, strength in enumerate(overtones, start=2))]
    return np.asarray(np.sum(parts, axis=0))


def synthesizer(rng: np.random.Generator, samples: int) -> Sound:
    """Frequency modulation: a bass line with a changing timbre, as in electronic music."""
    time = np.arange(samples) / SAMPLE_RATE
    beat = rng.uniform(0.12, 0.25)
    number = (time / beat).astype(int)
    pitch = (55 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12], 64) / 12))[number % 64]
    since = time - number * beat
    depth = rng.uniform(1, 6) * (1 + np.sin(2 * np.pi * 0.2 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tone = np.sin(phase + depth * np.sin(2 * phase))
    return np.asarray(tone * np.exp(-since * 6) * np.minimum(1, since / 0.005))


MUSIC: tuple[Callable[[np.random.Generator, int], Sound], ...] = (drums, bells, melody, synthesizer)


def musical(rng: np.random.Generator, samples: int, number: int) -> Room:
    """Each kind of music in turn; a third of it at the loudest level."""
    level = LOUDEST if number % 3 == 0 else rng.uniform(-50, LOUDEST)
    return Room(at_level(MUSIC[number % len(MUSIC)](rng, samples), level))


def silent(rng: np.random.Generator, samples: int, number: int) -> Room:
    """A quiet room, or a microphone that is switched off."""
    if number % 4 == 0:
        return Room(np.zeros(samples, dtype=np.float32))
    return Room(_faint(rng, samples))


def quiet_rooms(number: int, seed: int) -> list[Party]:
    """Rooms in which nothing happens."""
    return [silent(np.random.default_rng([seed, one]), REPEATS, one) for one in range(number)]


def disturbed_rooms(kind: str, number: int, seed: int) -> list[Party]:
    """Rooms with one of `DISTURBANCES`."""
    first = list(DISTURBANCES).index(kind)
    return [DISTURBANCES[kind](np.random.default_rng([seed, first, one]), REPEATS, one) for one in range(number)]


DISTURBANCES: dict[str, Callable[[np.random.Generator, int, int], Room]] = {
    "own echo": echoing,
    "noise": noisy,
    "key clicks": clicking,
    "music": musical,
}
