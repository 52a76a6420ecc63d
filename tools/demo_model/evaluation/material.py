"""The material of an evaluation: the lines of the demo, and voices that training never heard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from demo_model import sentences
from demo_model.evaluation.conversing import SAMPLE_RATE, Samples

WINDOW = SAMPLE_RATE // 100
LONGEST_PAUSE = 0.3
"""Seconds. A longer pause inside a clip sounds like an end, so that an answer in it would be no fault."""
SHORTEST, LONGEST = 0.3, 7.0
"""Seconds of a clip."""


@dataclass(frozen=True)
class Lines:
    """The demo's sentences by key, and the keys of those that have a purpose."""

    texts: Mapping[str, str]
    greeting: str
    idle: str
    backchannel: str | None

    @classmethod
    def of_the_demo(cls) -> "Lines":
        return cls(sentences.LINES, sentences.GREETING, sentences.IDLE, sentences.BACKCHANNEL)

    def without_greeting(self) -> "Lines":
        """The lines that it may say when a conversation goes on."""
        return replace(self, texts={key: text for key, text in self.texts.items() if key != self.greeting})


@dataclass(frozen=True)
class Material:
    """The lines and voices of one evaluation.

    Attributes:
        voices: of users: name to clips.
        originals: what each line sounded like before the codec. Empty where nobody has them.
        onsets: the seconds at which the words of each original begin.
    """

    lines: Lines
    voices: Mapping[str, Sequence[Samples]]
    originals: Mapping[str, Samples] = field(default_factory=dict)
    onsets: Mapping[str, Sequence[float]] = field(default_factory=dict)


def trimmed(audio: Samples) -> Samples:
    """`audio` without what is below 3 % of its peak at its ends: its end is the end of the voice."""
    loud = np.flatnonzero(np.abs(audio) > 0.03 * np.abs(audio).max())
    return audio[loud[0] : loud[-1] + 1] if len(loud) else audio[:0]


def longest_pause(audio: Samples) -> float:
    """Seconds of the longest part whose windows of 10 ms all stay below 3 % of the loudest one."""
    levels = np.sqrt(np.square(audio[: len(audio) // WINDOW * WINDOW].reshape(-1, WINDOW)).mean(axis=1))
    loud = np.flatnonzero(levels > 0.03 * levels.max())
    return float(np.diff(loud).max(initial=1) - 1) * WINDOW / SAMPLE_RATE


def usable(clips: Sequence[Samples]) -> list[Samples]:
    """The clips, trimmed, that have a fit length and no pause that could be taken for an end."""
    cut = [trimmed(clip) for clip in clips]
    return [
        clip
        for clip in cut
        if SHORTEST * SAMPLE_RATE <= len(clip) <= LONGEST * SAMPLE_RATE and longest_pause(clip) <= LONGEST_PAUSE
    ]


def read(work: Path) -> Material:
    """The lines that `tools/train_demo` has made in `work`, the voices that training did not hear, and people."""
    from demo_model import voices  # needs `make setup-demo`, which the small evaluation does not
    from demo_model.evaluation import people

    clips = voices.read_users(work / "users", held_out=True)
    users = {f"synthetic {number + 1}": usable(voice) for number, voice in enumerate(clips)}
    users |= {name: usable(voice) for name, voice in people.read().items()}
    onsets = json.loads((work / "lines" / "words.json").read_text())
    return Material(
        Lines.of_the_demo(),
        {name: voice for name, voice in users.items() if voice},
        voices.read_lines(work / "lines"),
        onsets,
    )
