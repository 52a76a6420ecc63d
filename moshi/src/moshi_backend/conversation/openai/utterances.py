"""Where the model's utterances begin and end. Pure logic on frames: how loud they are, and whether they have text."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOUD_DBFS = -40.0
"""A frame louder than this belongs to an utterance."""

LEAD_FRAMES = 2
"""Quiet frames before an utterance that belong to it, so that no first sound is cut."""

QUIET_FRAMES = 12
"""Quiet frames that end an utterance, 0.96 s."""

LONGEST_FRAMES = 750
"""Frames after which an utterance is cut, 60 s."""

_LOUD_POWER = 10 ** (LOUD_DBFS / 10)


@dataclass(frozen=True)
class Sound:
    """A frame of the model: samples, float32 [frame_size], and the characters that it completes."""

    pcm: NDArray[np.float32]
    text: str

    @property
    def is_quiet(self) -> bool:
        """Whether it has neither voice nor text."""
        return not self.text and float(np.mean(np.square(self.pcm))) <= _LOUD_POWER


@dataclass(frozen=True)
class Part:
    """A part of an utterance.

    Attributes:
        begins: whether the utterance begins with this part.
        sounds: empty between utterances.
        ends: whether the utterance ends after this part: the model pauses, or it was cut.
        pauses: whether the model has said nothing for QUIET_FRAMES.
    """

    begins: bool
    sounds: Sequence[Sound]
    ends: bool
    pauses: bool


class Utterances:
    """Finds the utterances of one conversation."""

    def __init__(self) -> None:
        self._lead: deque[Sound] = deque(maxlen=LEAD_FRAMES)
        self._speaking = False
        self._quiet = 0
        self._length = 0

    def feed(self, sound: Sound) -> Part:
        """The part of an utterance that this frame completes."""
        quiet = sound.is_quiet
        self._quiet = self._quiet + 1 if quiet else 0
        pauses = self._quiet >= QUIET_FRAMES
        begins = not self._speaking and not quiet
        if not self._speaking and not begins:
            self._lead.append(sound)
            return Part(False, (), False, pauses)
        sounds = [*self._lead, sound]
        self._lead.clear()
        self._length = len(sounds) if begins else self._length + 1
        ends = pauses or self._length >= LONGEST_FRAMES
        self._speaking = not ends
        return Part(begins, sounds, ends, pauses)
