"""Can one understand it, and how does it sound? Takes of each line come from conversations, as they were played."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from demo_model.evaluation.alignment import cut, offset_of
from demo_model.evaluation.captions import Caption
from demo_model.evaluation.conversing import SAMPLE_RATE, Recording, Samples
from demo_model.evaluation.events import utterances_of
from demo_model.evaluation.material import Lines
from demo_model.evaluation.report import Criterion, share
from demo_model.listening import heard, word_errors

MARGIN = 0.15
"""Seconds before and after an utterance that belong to its take."""


@dataclass(frozen=True)
class Take:
    """A line as it was played once, whole and without an interruption.

    Attributes:
        audio: from `MARGIN` before its start to `MARGIN` after its end.
        start: the second of the recording at which `audio` begins.
    """

    audio: Samples
    start: float
    caption: Caption


def takes_of(recordings: Sequence[Recording], lines: Lines, most: int, after: float = 0.0) -> dict[str, list[Take]]:
    """At most so many takes of each line that begin `after` so many seconds, in the order of the recordings."""
    takes: dict[str, list[Take]] = defaultdict(list)
    for recording in recordings:
        for one in utterances_of(recording, lines.texts)[0]:
            first, last = one.start - MARGIN, one.end + MARGIN
            alone = not any(talk.start < last and first < talk.end for talk in recording.talks)
            caption = one.caption
            if one.start < after or last > recording.seconds:
                continue
            if caption is None or caption.line is None or not caption.whole:
                continue
            if (alone or caption.line == lines.backchannel) and len(takes[caption.line]) < most:
                first = max(0.0, first)
                audio = recording.played[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)]
                takes[caption.line].append(Take(audio, first, caption))
    return takes


def understood(
    takes: Mapping[str, Sequence[Take]], lines: Lines, needed: int, spared: int = 0
) -> tuple[list[Criterion], list[str]]:
    """The words that speech recognition gets right: over all lines, and of the worst line.

    Every line counts alike, however often it was said.

    Args:
        needed: lines that must have been said.
        spared: words of each line that may be wrong besides the bound of the worst line. A single take of a line of two
            words cannot show 85 %.
    """
    shares: dict[str, float] = {}
    forgiven: dict[str, float] = {}
    examples: dict[str, str] = {}
    for key, text in lines.texts.items():
        if not takes.get(key):
            continue
        wrong = total = 0
        for take in takes[key]:
            hypothesis = heard(take.audio)
            errors, words = word_errors(text, hypothesis)
            wrong, total = wrong + errors, total + words
            if errors:
                examples[key] = hypothesis
        shares[key] = max(0.0, 1 - wrong / total)
        forgiven[key] = min(1.0, 1 - (wrong - spared) / total)
    weights = {key: len(lines.texts[key].split()) for key in shares}
    overall = sum(shares[key] * weights[key] for key in shares) / sum(weights.values()) if shares else math.nan
    worst = min(forgiven, key=lambda key: forgiven[key], default="none")
    criteria = [
        Criterion("words recognised, all lines", overall, 0.92, len(shares), needed),
        Criterion(f"words recognised, worst line ({worst})", forgiven.get(worst, math.nan), 0.85, len(shares), needed),
    ]
    notes = [f"{key}: {shares[key] * 100:.0f} % of words; heard “{text}”" for key, text in examples.items()]
    return criteria, [*notes, *(f"{key}: it was never said" for key in lines.texts if key not in shares)]


def fidelity(
    takes: Mapping[str, Sequence[Take]], originals: Mapping[str, Samples], onsets: Mapping[str, Sequence[float]]
) -> list[Criterion]:
    """The distance of the takes from the originals, and of the captions from the words."""
    from demo_model.evaluation import quality  # needs `make setup-demo`

    stoi: list[float] = []
    pesq: list[float] = []
    apart: list[bool] = []
    for key, original in originals.items():
        for take in takes.get(key, ()):
            offset = offset_of(original, take.audio)
            aligned = cut(take.audio, offset, len(original))
            stoi.append(quality.stoi(original, aligned))
            pesq.append(quality.pesq(original, aligned))
            shown = [word.time - take.start - offset / SAMPLE_RATE for word in take.caption.words]
            apart += [abs(one - other) <= 0.16 for one, other in zip(shown, onsets[key], strict=True)]
    return [
        Criterion("STOI", _mean(stoi), 0.85, len(stoi), 100, unit=""),
        Criterion("PESQ, wide band", _mean(pesq), 1.26, len(pesq), 100, unit=""),
        share("captions within 0.16 s of the word", apart, 0.98, 100),
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
