"""Users for the evaluation: they listen to the model, and take turns with it or interrupt it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from demo_model import acoustics
from demo_model.evaluation.conversing import FRAME, FRAME_SECONDS, SAMPLE_RATE, Samples, Talk
from demo_model.evaluation.events import LONGEST_PAUSE, WINDOW, WINDOW_SECONDS, audible


class Move(Enum):
    """The next act of a user."""

    TURN = "turn"
    """Wait until the model has finished, then talk."""
    INTERRUPT = "interrupt"
    """Talk while the model speaks."""
    LONG = "long"
    """As a turn, but for about ten seconds."""


@dataclass(frozen=True)
class Habits:
    """The habits of the users of one scenario. Levels are root mean squares in dBFS.

    Attributes:
        moves: how often each move is made, relative to the others.
        voice: the range of the voice's level.
        noise: the range of the background's level.
        above_noise: the voice is so many dB above the background instead, whatever `voice` says.
    """

    moves: ClassVar[tuple[Move, ...]] = tuple(Move)
    shares: tuple[float, float, float] = (0.5, 0.4, 0.1)
    voice: tuple[float, float] = (-32.0, -16.0)
    noise: tuple[float, float] = (-85.0, -50.0)
    above_noise: float | None = None


USUAL = Habits()
ABOVE_NOISE = 10.0
"""Decibels by which a talker who must be heard is above loud noise."""
OVER_NOISE = Habits(shares=(1.0, 0.0, 0.0), noise=(-45.0, -30.0), above_noise=ABOVE_NOISE)

BACKGROUND = 20 * SAMPLE_RATE
"""Samples of background noise, which then repeat without a seam."""


class Caller:
    """A person with one of the voices, in steady background noise.

    They wait for the greeting, talk after 0.7 to 2.5 s of silence, and interrupt after 0.8 to 2 s of the model's
    speech. If it says nothing for 3.5 s, they go on. Whoever interrupts says at least one second.

    Attributes:
        voice: the clips that they speak with.
    """

    PATIENCE = 3.5
    LEAST_TO_INTERRUPT = 1.0

    def __init__(self, rng: np.random.Generator, voice: Sequence[Samples], habits: Habits) -> None:
        self.talks: list[Talk] = []
        self._rng, self.voice, self._habits = rng, voice, habits
        noise_level = rng.uniform(*habits.noise)
        level = rng.uniform(*habits.voice) if habits.above_noise is None else noise_level + habits.above_noise
        self._gain = 10 ** (level / 20)
        kind = str(rng.choice(acoustics.NOISES))
        self._background = acoustics.noise(rng, BACKGROUND, kind) * np.float32(10 ** (noise_level / 20))
        self._frame = 0
        self._saying: Samples = np.zeros(0, dtype=np.float32)
        self._silent_for = 0.0
        self._speaking_for = 0.0
        self._quiet_since_voice = 0.0
        self._heard = False
        self._plan()

    @property
    def talking(self) -> bool:
        """Whether they are in the middle of what they say."""
        return len(self._saying) > 0

    def _plan(self) -> None:
        self._move = Move(self._rng.choice([move.value for move in Habits.moves], p=self._habits.shares))
        wait = (0.8, 2.0) if self._move is Move.INTERRUPT else (0.7, 2.5)
        self._wait = self._rng.uniform(*wait)

    def _listen(self, played: Samples) -> None:
        loud = np.flatnonzero(audible(played))
        if len(loud):
            self._heard = True
            self._silent_for = (FRAME // WINDOW - 1 - loud[-1]) * WINDOW_SECONDS
            self._speaking_for += FRAME_SECONDS
            self._quiet_since_voice = 0.0
        else:
            self._silent_for += FRAME_SECONDS
            self._quiet_since_voice += FRAME_SECONDS
            if self._silent_for > LONGEST_PAUSE:
                self._speaking_for = 0.0
            elif self._speaking_for:
                self._speaking_for += FRAME_SECONDS

    def _ready(self) -> bool:
        if self._quiet_since_voice >= self.PATIENCE:
            return True
        if self._move is Move.INTERRUPT:
            return self._silent_for < FRAME_SECONDS and self._speaking_for >= self._wait
        return self._heard and self._silent_for >= self._wait

    def _utterance(self) -> Samples:
        """One to three sentences without long pauses, or about ten seconds of them."""
        wanted = {Move.TURN: 0.0, Move.INTERRUPT: self.LEAST_TO_INTERRUPT, Move.LONG: self._rng.uniform(8, 12)}
        sentences = int(self._rng.choice([1, 1, 1, 2, 3]))
        parts: list[Samples] = []
        while len(parts) < sentences or sum(map(len, parts)) < wanted[self._move] * SAMPLE_RATE:
            clip = self.voice[int(self._rng.integers(len(self.voice)))]
            loudness = self._gain * 10 ** (self._rng.uniform(-2, 2) / 20)
            if parts:
                parts[-1] = np.append(parts[-1], np.zeros(int(self._rng.uniform(0, 0.15) * SAMPLE_RATE), np.float32))
            parts.append((clip / clip.std() * loudness).astype(np.float32))
        return np.concatenate(parts)

    def microphone(self, played: Samples) -> Samples:
        """The sound that `Party` asks for: see there."""
        start = self._frame * FRAME
        self._frame += 1
        heard = self._background.take(range(start, start + FRAME), mode="wrap")
        if not len(self._saying):
            self._listen(played)
            if not self._ready():
                return heard
            late = int(self._rng.integers(FRAME))
            speech = self._utterance()
            self.talks.append(Talk((start + late) / SAMPLE_RATE, (start + late + len(speech)) / SAMPLE_RATE))
            self._saying = np.concatenate([np.zeros(late, dtype=np.float32), speech])
        now, self._saying = self._saying[:FRAME], self._saying[FRAME:]
        heard[: len(now)] += now
        if not len(self._saying):
            self._silent_for = self._speaking_for = self._quiet_since_voice = 0.0
            self._heard = False
            self._plan()
        return np.clip(heard, -1, 1)
