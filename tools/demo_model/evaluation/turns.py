"""Does it greet, answer, wait and stop as a person would? Callers converse with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from demo_model.evaluation.callers import Caller, Habits
from demo_model.evaluation.captions import is_right
from demo_model.evaluation.conversing import FRAME_SECONDS, Recording, converse
from demo_model.evaluation.events import STOP_WITHIN, Turn, turns_of, utterances_of
from demo_model.evaluation.material import Lines, Material
from demo_model.evaluation.report import Criterion, share
from demo_model.evaluation.rooms import quiet_rooms
from moshi_backend.model.batch import BatchedModel

GREETS_WITHIN = 1.0


@dataclass(frozen=True)
class Amount:
    """The extent of a measurement: so many conversations of so many seconds, and the events that they must give.

    Attributes:
        needed: events of a criterion.
        spared: events that may fail besides the bound. 0 in the full evaluation.
    """

    conversations: int
    seconds: float
    needed: int
    spared: int = 0


def callers(material: Material, conversations: int, habits: Habits, seed: int) -> list[Caller]:
    """People with each of the voices in turn."""
    voices = list(material.voices.values())
    return [
        Caller(np.random.default_rng([seed, number]), voices[number % len(voices)], habits)
        for number in range(conversations)
    ]


def all_turns(recordings: Sequence[Recording], lines: Lines, after: float = 0.0) -> list[Turn]:
    """The turns of all recordings that begin `after` so many seconds."""
    turns = []
    for recording in recordings:
        utterances, _ = utterances_of(recording, lines.texts)
        turns += [turn for turn in turns_of(recording, utterances, lines.backchannel) if turn.talk.start >= after]
    return turns


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else math.nan


def judge_turns(turns: Sequence[Turn], needed: int, spared: int = 0) -> list[Criterion]:
    """The criteria of answers, early starts and stops.

    With `spared` events, which a small evaluation has, latencies may be a frame longer: so far does the median of a few
    turns lie from the median of many.
    """
    slack = FRAME_SECONDS if spared else 0.0
    judged = [turn for turn in turns if turn.judged]
    latencies = [turn.latency for turn in judged if turn.latency is not None]
    stops = [turn.stopped <= STOP_WITHIN for turn in turns if turn.stopped is not None]
    return [
        share("answers a turn", [turn.latency is not None for turn in judged], 0.98, needed, spared),
        Criterion("answers after, p50", _percentile(latencies, 50), 0.6 + slack, len(latencies), needed, True, "s"),
        Criterion("answers after, p90", _percentile(latencies, 90), 0.8 + slack, len(latencies), needed, True, "s"),
        share("starts while the user talks", [turn.early for turn in turns], 0.02, needed, spared, at_most=True),
        share("stops within 0.5 s of an interruption", stops, 0.95, needed, spared),
    ]


def judge_captions(
    recordings: Sequence[Recording], lines: Lines, needed: int, spared: int = 0, after: float = 0.0
) -> Criterion:
    """Whether each utterance has the caption of a line, and each caption an utterance. Cut off at the end is right."""
    right = []
    for recording in recordings:
        utterances, silent_captions = utterances_of(recording, lines.texts)
        for utterance in utterances:
            if utterance.start < after:
                continue
            if utterance.caption is None:
                right.append(False)
            elif utterance.end < recording.seconds - 1 or utterance.caption.whole:
                right.append(is_right(utterance.caption, recording.talks))
        right += [False for caption in silent_captions if after <= caption.start < recording.seconds - 0.5]
    return share("captions are a line, or the beginning of an interrupted one", right, 0.98, needed, spared)


def describe(recordings: Sequence[Recording], material: Material) -> list[str]:
    """The figures without a bound: stops, back-channels, and the voices of synthesizers and of people.

    Args:
        recordings: of `callers`, in their order.
    """
    turns = all_turns(recordings, material.lines)
    stops = [turn.stopped for turn in turns if turn.stopped is not None]
    long = [turn for turn in turns if turn.talk.end - turn.talk.start > 7]
    answered = sum(turn.backchannels > 0 for turn in turns), sum(turn.backchannels > 0 for turn in long)
    notes = [
        f"it stops after {_percentile(stops, 50):.2f} s (p50) and {_percentile(stops, 90):.2f} s (p90)",
        f"back-channels are in {answered[1]} of {len(long)} talks of more than 7 s, and in "
        f"{answered[0] - answered[1]} of {len(turns) - len(long)} shorter ones",
    ]
    names = list(material.voices)
    for number, name in enumerate(names):
        mine = all_turns(recordings[number :: len(names)], material.lines)
        stopped = [turn.stopped <= STOP_WITHIN for turn in mine if turn.stopped is not None]
        judged = [turn.latency is not None for turn in mine if turn.judged]
        notes.append(
            f"{name}: answers {sum(judged)} of {len(judged)}, starts early in {sum(turn.early for turn in mine)} "
            f"of {len(mine)}, stops in time in {sum(stopped)} of {len(stopped)}"
        )
    return notes


def judge_greetings(model: BatchedModel, lines: Lines, amount: Amount, seed: int) -> Criterion:
    """Whether the greeting begins within a second of the connection, in rooms without a voice."""
    rooms = quiet_rooms(amount.conversations, seed)
    greeted = []
    for recording in converse(model, rooms, amount.seconds, seed):
        first = next(iter(utterances_of(recording, lines.texts)[0]), None)
        greeted.append(
            first is not None
            and first.start <= GREETS_WITHIN
            and first.caption is not None
            and first.caption.line == lines.greeting
        )
    return share("greets within 1 s", greeted, 0.98, amount.needed, amount.spared)
