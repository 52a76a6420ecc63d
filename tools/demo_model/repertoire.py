"""The lines as the model says them: codes and text, frame by frame."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from moshi.models.compression import MimiModel
from numpy.typing import NDArray

from demo_model.architecture import FRAME, SAMPLE_RATE, Audio
from demo_model.sentences import LINES
from demo_model.tokenizer import PAD

LEAD, TAIL = 12, 6
"""Frames of silence around a line while it is encoded. Mimi then starts from the same state as in a conversation."""


@dataclass(frozen=True)
class Line:
    text: NDArray[Any]
    """[frames]: the token of the word that begins in the frame, or `PAD`."""
    codes: NDArray[Any]
    """[codebooks, frames]"""
    audio: Audio
    """[frames * FRAME]: the recording, or the sound that Mimi's decoder makes of the codes."""

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class Repertoire:
    lines: dict[str, Line]
    silence: NDArray[Any]
    """[codebooks]: the codes of a silent frame."""


def _text(words: list[int], onsets: list[float], frames: int) -> Audio:
    """The token of each word in the frame in which the word begins, one word at most in a frame."""
    text = np.full(frames, PAD)
    free = 0
    for word, onset in zip(words, onsets, strict=True):
        # The first word marks the first frame: to choose its token is to decide to speak.
        frame = 0 if free == 0 else max(free, int(onset * SAMPLE_RATE / FRAME))
        text[frame] = word
        free = frame + 1
    return text


def with_silence(line: Audio) -> torch.Tensor:
    """A line between `LEAD` and `TAIL` frames of digital silence: [samples], a multiple of `FRAME`."""
    tail = -len(line) % FRAME + TAIL * FRAME
    return torch.tensor(np.concatenate([np.zeros(LEAD * FRAME), line, np.zeros(tail)]), dtype=torch.float32)


@torch.no_grad()
def encode(
    mimi: MimiModel, recordings: dict[str, Audio], onsets: dict[str, list[float]], ids: dict[str, int]
) -> Repertoire:
    """Encode each recording as it sounds after a silence."""
    lines = {}
    silence = np.zeros(0)
    for key, recording in recordings.items():
        audio = with_silence(recording)
        codes = mimi.encode(audio[None, None])[0].numpy()
        silence = codes[:, LEAD - 2]
        words = [ids[word] for word in LINES[key].split()]
        # Two frames of the silence after the line belong to it, because the last sound fades into them.
        frames = codes.shape[1] - LEAD - TAIL + 2
        lines[key] = Line(
            text=_text(words, onsets[key], frames),
            codes=codes[:, LEAD:][:, :frames],
            audio=audio[LEAD * FRAME :][: frames * FRAME].numpy(),
        )
    return Repertoire(lines, silence)


@torch.no_grad()
def as_played(mimi: MimiModel, repertoire: Repertoire) -> Repertoire:
    """The same lines with the sound that a loudspeaker plays: Mimi's, which is rougher than the recordings."""
    # All lines have the length of the longest here. A size that PyTorch has not met costs it ten seconds on a CPU.
    frames = LEAD + max(len(line) for line in repertoire.lines.values()) + TAIL
    codes = repertoire.silence[None, :, None].repeat(len(repertoire.lines), 0).repeat(frames, 2)
    for row, line in zip(codes, repertoire.lines.values(), strict=True):
        row[:, LEAD : LEAD + len(line)] = line.codes
    played = mimi.decode(torch.tensor(codes, dtype=torch.long))[:, 0].numpy().astype(np.float32)
    return replace(
        repertoire,
        lines={
            key: replace(line, audio=sound[LEAD * FRAME :][: len(line) * FRAME])
            for sound, (key, line) in zip(played, repertoire.lines.items(), strict=True)
        },
    )
