"""The events of a recording, measured from the model's sound and captions.

Sound is audible where the root mean square of 10 ms is above -40 dBFS, 18 dB below the level of the lines. An utterance
is audible sound with pauses of at most 0.6 s, at least 0.1 s long. Where captions say that another line begins within
it, it ends there and the next one starts. Its start and end are the edges of its first and last audible 10 ms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_model.evaluation.captions import Caption, captions_of
from demo_model.evaluation.conversing import FRAME_SECONDS, SAMPLE_RATE, Recording, Samples, Talk

WINDOW = 240
"""Samples in 10 ms."""
WINDOW_SECONDS = WINDOW / SAMPLE_RATE
AUDIBLE = 0.01
LONGEST_PAUSE = 0.6
SHORTEST = 0.1

ANSWER_WITHIN = 2.0
"""Seconds after the end of the user's voice. A later start does not answer it."""
REACTION = 0.3
"""Seconds. Who starts to talk less than this after the other could not know."""
STOP_WITHIN = 0.5
LEAST_TO_INTERRUPT = 0.5
"""Seconds. A shorter talk may be a "yes" that wants no stop."""


@dataclass(frozen=True)
class Utterance:
    """The model speaks from `start` to `end`. Seconds. Without a caption where none belongs to the sound."""

    start: float
    end: float
    caption: Caption | None = None


def audible(played: Samples) -> NDArray[np.bool_]:
    """Whether each whole window of 10 ms can be heard."""
    windows = played[: len(played) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return np.asarray(np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1)) > AUDIBLE)


def _joined(loud: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The audible windows of each utterance."""
    longest = round(LONGEST_PAUSE / WINDOW_SECONDS)
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > longest + 1) + 1) if len(loud) else []
    return [run for run in runs if (run[-1] - run[0] + 1) * WINDOW_SECONDS >= SHORTEST - 1e-9]


def utterances_of(recording: Recording, lines: Mapping[str, str]) -> tuple[list[Utterance], list[Caption]]:
    """The utterances of a recording in order, and the captions that were shown without any sound."""
    waiting = captions_of(recording.words, lines)
    utterances: list[Utterance] = []
    silent: list[Caption] = []
    for run in _joined(np.flatnonzero(audible(recording.played))):
        start, end = run[0] * WINDOW_SECONDS, (run[-1] + 1) * WINDOW_SECONDS
        while waiting and waiting[0].end < start - 2 * FRAME_SECONDS:
            silent.append(waiting.pop(0))
        inside = []
        while waiting and waiting[0].start < end:
            inside.append(waiting.pop(0))
        utterances += _split(run, inside, silent)
    return utterances, [*silent, *waiting]


def _split(run: NDArray[np.intp], captions: Sequence[Caption], silent: list[Caption]) -> list[Utterance]:
    """One utterance for each caption. What is left without sound goes to `silent`."""
    cuts = [run[0], *(round(caption.start / WINDOW_SECONDS) for caption in captions[1:]), run[-1] + 1]
    parts = []
    whose: Sequence[Caption | None] = captions or [None]
    for caption, first, last in zip(whose, cuts, cuts[1:], strict=False):
        part = run[(run >= first) & (run < last)]
        if len(part):
            parts.append(Utterance(part[0] * WINDOW_SECONDS, (part[-1] + 1) * WINDOW_SECONDS, caption))
        elif caption is not None:
            silent.append(caption)
    return parts


@dataclass(frozen=True)
class Turn:
    """The model's reaction to one talk of the user.

    Attributes:
        latency: seconds from the end of the voice to the start of the answer; None if there was none.
        early: it started while the user talked.
        backchannels: how often it said the back-channel while the user talked.
        stopped: it was interrupted, and spoke on for so many seconds.
        judged: the recording and the next talk leave time for an answer.
    """

    talk: Talk
    latency: float | None
    early: bool
    backchannels: int
    stopped: float | None
    judged: bool


def turns_of(recording: Recording, utterances: Sequence[Utterance], backchannel: str | None) -> list[Turn]:
    """One turn for each talk. A back-channel is neither an answer nor a start.

    An interruption of a line that ended whole, within the time that a stop may take, tells nothing: it is not counted.
    """
    starts = [talk.start for talk in recording.talks[1:]] + [recording.seconds]
    turns = []
    for talk, following in zip(recording.talks, starts, strict=True):
        said = [one for one in utterances if not (one.caption and one.caption.line == backchannel)]
        short = [one for one in utterances if one not in said]
        until = min(following, talk.end + ANSWER_WITHIN)
        answer = next((one for one in said if talk.end <= one.start < until), None)
        turns.append(
            Turn(
                talk=talk,
                latency=None if answer is None else answer.start - talk.end,
                early=any(talk.start + REACTION < one.start < talk.end for one in said),
                backchannels=sum(talk.start < one.start < talk.end for one in short),
                stopped=_stopped(talk, said),
                judged=answer is not None or talk.end + ANSWER_WITHIN <= following,
            )
        )
    return turns


def _stopped(talk: Talk, said: Sequence[Utterance]) -> float | None:
    if talk.end - talk.start < LEAST_TO_INTERRUPT:
        return None
    for one in said:
        if one.start < talk.start < one.end:
            seconds = one.end - talk.start
            ended_by_itself = one.caption is not None and one.caption.whole and seconds <= STOP_WITHIN
            return None if ended_by_itself else seconds
    return None
