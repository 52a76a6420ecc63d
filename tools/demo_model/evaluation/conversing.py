"""Conversations with the product's own model code, as fast as the machine can: one party in each slot of a batch.

Output of the model is placed where a listener next to the service would hear it. A step needs a whole frame of the
microphone, so the output of the step that reads frame `n` plays while frame `n + 1` is recorded. All times are seconds
on that clock, from the beginning of frame 0. Network and playback add to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.sampling import SamplingParams

SAMPLE_RATE = 24_000
FRAME = 1_920
"""Samples in one frame of 80 ms."""
FRAME_SECONDS = FRAME / SAMPLE_RATE

type Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Talk:
    """The user talks from `start` to `end`, without a pause that sounds like an end. Seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class Word:
    """A word of the captions, and the second at which it is shown."""

    time: float
    text: str


@dataclass
class Recording:
    """One conversation.

    Attributes:
        played: the model's sound, float32 [samples].
        words: its captions.
        talks: when the user talked.
    """

    played: Samples
    words: list[Word] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return len(self.played) / SAMPLE_RATE

    def until(self, end: float) -> "Recording":
        """Its first `end` seconds."""
        return Recording(
            self.played[: round(end * SAMPLE_RATE)],
            [word for word in self.words if word.time < end],
            [talk for talk in self.talks if talk.start < end],
        )


class Party(Protocol):
    """One end of a conversation: a user, or a room without one."""

    talks: list[Talk]

    def microphone(self, played: Samples) -> Samples:
        """The microphone's frame while the loudspeaker plays `played`. Both are float32 [FRAME]."""


def load(checkpoint: Path | str, slots: int, dtype: torch.dtype) -> BatchedModel:
    """The product's model on the CPU. `checkpoint` is a folder or a name that MOSHI_MODEL may have."""
    return BatchedModel(find_checkpoint(str(checkpoint), None), slots, torch.device("cpu"), dtype)


def _seeded(sampling: SamplingParams, seed: int) -> SamplingParams:
    return SamplingParams(replace(sampling.text, seed=seed), replace(sampling.audio, seed=seed))


def conversations(model: BatchedModel, parties: Sequence[Party], seconds: float, seed: int) -> Iterator[Recording]:
    """Each party's conversation, at the sampling that the checkpoint recommends, one batch after the other.

    The same seed, parties and machine give the same conversations, whatever the number of slots.
    """
    frames = round(seconds / FRAME_SECONDS)
    for first in range(0, len(parties), model.slots):
        yield from _converse(model, parties[first : first + model.slots], frames, seed + first)


def converse(model: BatchedModel, parties: Sequence[Party], seconds: float, seed: int) -> list[Recording]:
    """All `conversations` at once. Ten minutes of one take 58 MB."""
    return list(conversations(model, parties, seconds, seed))


def _converse(model: BatchedModel, parties: Sequence[Party], frames: int, seed: int) -> list[Recording]:
    recordings = [Recording(np.zeros(frames * FRAME, dtype=np.float32), talks=party.talks) for party in parties]
    pieces: list[list[tuple[float, bytes]]] = [[] for _ in parties]
    for row in range(len(parties)):
        model.join(row, _seeded(model.sampling, seed + row))
    silence: Samples = np.zeros(FRAME, dtype=np.float32)
    playing = [silence] * len(parties)
    for number in range(frames):
        heard = {row: party.microphone(playing[row]) for row, party in enumerate(parties)}
        said = model.step(heard)
        if number + 1 == frames:
            break
        start = (number + 1) * FRAME
        for row in range(len(parties)):
            frame = said.get(row)
            playing[row] = silence if frame is None else frame.pcm
            recordings[row].played[start : start + FRAME] = playing[row]
            if frame is not None and (piece := model.vocabulary[frame.tokens[0]]):
                pieces[row].append((start / SAMPLE_RATE, piece))
    for recording, shown in zip(recordings, pieces, strict=True):
        recording.words = words_of(shown)
    return recordings


def words_of(pieces: Sequence[tuple[float, bytes]]) -> list[Word]:
    """Words from the tokenizer's pieces: a piece that begins with a space begins a word."""
    words: list[tuple[float, bytes]] = []
    for time, piece in pieces:
        if words and not piece.startswith(b" "):
            words[-1] = (words[-1][0], words[-1][1] + piece)
        else:
            words.append((time, piece))
    return [Word(time, text.decode(errors="replace").strip()) for time, text in words]
