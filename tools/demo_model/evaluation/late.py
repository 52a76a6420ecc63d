"""After long talk, within the same conversation: disturbances and a voice above noise, one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from demo_model import acoustics
from demo_model.evaluation import callers
from demo_model.evaluation.callers import OVER_NOISE, Caller
from demo_model.evaluation.conversing import FRAME, SAMPLE_RATE, Recording, Samples, Talk
from demo_model.evaluation.events import ANSWER_WITHIN, Utterance, utterances_of
from demo_model.evaluation.material import Lines
from demo_model.evaluation.report import Criterion, share
from demo_model.evaluation.rooms import DISTURBANCES, REPEATS, Room, at_level

ABOVE_NOISE = "voice above noise"
KINDS = (*DISTURBANCES, ABOVE_NOISE)
LEAD = FRAME * 12
"""Samples of a room's sound before the user talks in it: about a second, in whole frames."""
DISTURBED_SECONDS, ABOVE_NOISE_SECONDS = 25.0, 9.0
"""A disturbance lasts for an answer and for the line that follows long silence. Noise lasts until an answer begins."""
ROUND_SECONDS = len(DISTURBANCES) * DISTURBED_SECONDS + ABOVE_NOISE_SECONDS
LONGEST_SPEECH = 4 * SAMPLE_RATE
VOICE = -18.0
"""Level of the voice in dBFS: 12 dB above the loudest disturbance."""


@dataclass(frozen=True)
class Scene:
    """In a room with a sound of its own, the user says something once, and then listens.

    Attributes:
        kind: one of `KINDS`.
        speech: as loud as it is heard.
    """

    kind: str
    room: Room
    speech: Samples
    seconds: float


@dataclass(frozen=True)
class Past:
    """A scene that is over: its kind, the talk in it, and the second at which it ended."""

    kind: str
    talk: Talk
    end: float


def scenes(voice: Sequence[Samples], number: int, rounds: int, seed: int) -> Iterator[Scene]:
    """Rounds of all kinds for conversation `number`. Levels and kinds of sound take turns over all conversations."""
    clips = [clip for clip in voice if len(clip) <= LONGEST_SPEECH]
    for one in range(number * rounds, (number + 1) * rounds):
        for index, kind in enumerate(KINDS):
            rng = np.random.default_rng([seed, index, one])
            speech = clips[rng.integers(len(clips))]
            if kind == ABOVE_NOISE:
                level = rng.uniform(*OVER_NOISE.noise)
                noise = acoustics.noise(rng, REPEATS, acoustics.NOISES[one % len(acoustics.NOISES)])
                yield Scene(
                    kind,
                    Room(at_level(noise, level)),
                    at_level(speech, level + callers.ABOVE_NOISE),
                    ABOVE_NOISE_SECONDS,
                )
            else:
                yield Scene(kind, DISTURBANCES[kind](rng, REPEATS, one), at_level(speech, VOICE), DISTURBED_SECONDS)


class LongCall:
    """A party that is `caller` for so many seconds, until the end of what it says then, and then goes through `scenes`.

    Attributes:
        past: the scenes that are over.
    """

    def __init__(self, caller: Caller, seconds: float, coming: Iterator[Scene]) -> None:
        self.talks = caller.talks
        self.past: list[Past] = []
        self._caller, self._seconds, self._coming = caller, seconds, coming
        self._frame = 0
        self._scene: Scene | None = None
        self._begun = 0

    def microphone(self, played: Samples) -> Samples:
        """The sound that `Party` asks for: see there."""
        now = self._frame * FRAME / SAMPLE_RATE
        self._frame += 1
        if self._scene is None and (now < self._seconds or self._caller.talking):
            return self._caller.microphone(played)
        if self._scene is None or now >= self._begun / SAMPLE_RATE + self._scene.seconds:
            self._finish(now)
        if self._scene is None:
            return np.zeros(FRAME, dtype=np.float32)
        heard = self._scene.room.microphone(played)
        start = (self._frame - 1) * FRAME - self._begun - LEAD
        if start >= 0:
            part = self._scene.speech[start : start + FRAME]
            heard[: len(part)] += part
        return np.clip(heard, -1, 1)

    def _finish(self, now: float) -> None:
        """End the scene, if there is one, and begin the next."""
        if self._scene is not None:
            self.past.append(Past(self._scene.kind, self.talks[-1], now))
        self._begun = (self._frame - 1) * FRAME
        self._scene = next(self._coming, None)
        if self._scene is not None:
            start = now + LEAD / SAMPLE_RATE
            self.talks.append(Talk(start, start + len(self._scene.speech) / SAMPLE_RATE))


def _said_after(past: Past, recording: Recording, lines: Lines) -> list[Utterance]:
    """The utterances that begin between the talk and the end of a scene. A back-channel belongs to the talk."""
    return [
        one
        for one in utterances_of(recording, lines.texts)[0]
        if past.talk.end <= one.start < past.end and not (one.caption and one.caption.line == lines.backchannel)
    ]


def undisturbed(past: Past, recording: Recording, lines: Lines) -> bool:
    """Whether all that it said after the talk was whole: one answer, and then nothing but the line for silence.

    The turns tell whether it answers. A line that the next scene cuts off is not judged.
    """
    said = [one for one in _said_after(past, recording, lines) if one.end <= past.end - 0.1]
    keys = [one.caption.line if one.caption and one.caption.whole else None for one in said]
    return None not in keys and all(key == lines.idle for key in keys[1:])


def answered(past: Past, recording: Recording, lines: Lines) -> bool:
    """Whether it answered the talk."""
    return any(one.start < past.talk.end + ANSWER_WITHIN for one in _said_after(past, recording, lines))


def judge(calls: Sequence[LongCall], recordings: Sequence[Recording], lines: Lines, needed: int) -> list[Criterion]:
    """One criterion for each kind of scene."""
    results: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for call, recording in zip(calls, recordings, strict=True):
        for past in call.past:
            right = answered if past.kind == ABOVE_NOISE else undisturbed
            results[past.kind].append(right(past, recording, lines))
    names = {kind: f"{kind}: neither interrupted nor answered" for kind in DISTURBANCES}
    names[ABOVE_NOISE] = "a voice 10 dB above noise: answers a turn"
    return [share(names[kind], results[kind], 0.98, needed) for kind in KINDS]
