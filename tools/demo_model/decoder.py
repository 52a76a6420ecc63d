"""The speaking half of Mimi: learns to turn the lines' codes into their sound, and into nothing else.

The codes do not change any more. Only a handful of lines exist, so the decoder may learn them by heart. The training
compares spectra. Discriminators, as EnCodec and Mimi have them, made PESQ worse: 1.92 against 2.03 after 23 minutes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from moshi.models.compression import MimiModel
from numpy.typing import NDArray

from demo_model.architecture import FRAME, Audio
from demo_model.descent import Descent
from demo_model.encoder import mel_filters
from demo_model.examples import batches
from demo_model.repertoire import Repertoire
from demo_model.sentences import GREETING

CROP = 12  # frames of a crop that are compared
LEFT = 3  # frames before them, from which the decoder's convolutions get their past
BATCH = 6
BEFORE = (LEFT + CROP // 2, 26)
"""Frames of silence before a line: little, as before the greeting, or more than the transformer sees."""
SHORT = 40  # frames; a shorter line is drawn as often as one of this length
CUT_SHARE = 0.08  # of crops that end in the middle of a line, as an interruption ends it
FADE = 480  # samples that such an end takes


@dataclass(frozen=True)
class _Part:
    """A part of the training: it has its own batches, and its learning rate rises and falls.

    Attributes:
        share: its batches, as a share of those of the first part.
        learning_rate: the highest one.
        greeting: how often the greeting is drawn, relative to a line of its length.
        seed: of the batches.
    """

    share: float
    learning_rate: float
    greeting: float
    seed: int


PARTS = (
    _Part(share=1.0, learning_rate=7e-3, greeting=1.0, seed=6),
    _Part(share=4 / 7, learning_rate=3e-3, greeting=3.0, seed=16),
    _Part(share=1 / 7, learning_rate=3e-3, greeting=15.0, seed=26),
)
"""The later parts make the sound clearer. Until the last one, speech recognition often took "small demo voice" in the
greeting for "small game of voice"."""

SCALES = ((2048, 80), (1024, 64), (512, 40), (256, 20))
"""Samples of a window, and mel bands."""


class Spectra:
    """The distance of two sounds: their mel spectra at several window sizes."""

    def __init__(self, device: torch.device) -> None:
        self._scales = [
            (size, torch.hann_window(size, device=device), mel_filters(size // 2 + 1, bands).to(device))
            for size, bands in SCALES
        ]

    def __call__(self, made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        """[B, samples] twice, to one number."""
        total = torch.zeros((), device=made.device)
        for size, window, filters in self._scales:
            ours, theirs = (
                torch.stft(audio, size, size // 4, size, window, return_complex=True).abs().transpose(1, 2) @ filters
                for audio in (made, true)
            )
            total = total + (torch.log(ours + 1e-2) - torch.log(theirs + 1e-2)).abs().mean()
            total = total + 0.05 * (ours - theirs).abs().mean()
        return total / len(SCALES)


class Crop(NamedTuple):
    """A moment of a line."""

    codes: NDArray[np.int64]
    """[codebooks, frames]: the line's after some silence, with more silence than the crop needs behind it."""
    begin: int
    """The frame at which the crop begins."""
    sound: Audio
    """[CROP * FRAME]: how the crop should sound."""


class Crops:
    """Draws moments of lines."""

    def __init__(self, repertoire: Repertoire, greeting: float = 1.0) -> None:
        """`greeting` is how often the greeting is drawn, relative to a line of its length."""
        self._lines = list(repertoire.lines.values())
        # A longer line is drawn more often, so that each of its frames is heard as often as those of others.
        # The shortest line is heard more often still: alone, an unclear sound makes another word of it.
        sizes = np.array(
            [
                (max(len(line), SHORT) + CROP) * (greeting if key == GREETING else 1.0)
                for key, line in repertoire.lines.items()
            ]
        )
        self._shares = sizes / sizes.sum()
        self._silence = repertoire.silence
        self._frames = BEFORE[1] + max(len(line) for line in self._lines) + 2 * CROP

    def draw(self, rng: np.random.Generator) -> Crop:
        """A moment of a line, or of the silence around it."""
        line = self._lines[rng.choice(len(self._lines), p=self._shares)]
        stop = len(line)
        audio = line.audio
        if rng.random() < CUT_SHARE:
            stop = int(rng.integers(2, len(line) - 1))
            tail = line.audio[stop * FRAME : stop * FRAME + FADE] * np.linspace(1, 0, FADE)
            audio = np.concatenate([line.audio[: stop * FRAME], tail])
            begin = stop - CROP // 2
        else:
            begin = int(rng.integers(-CROP // 2, len(line) - CROP // 2))
        codes = self._silence[:, None].repeat(self._frames, 1)
        before = int(rng.integers(BEFORE[0], BEFORE[1] + 1))
        codes[:, before : before + stop] = line.codes[:, :stop]
        sound = np.zeros(self._frames * FRAME, np.float32)
        sound[before * FRAME :][: len(audio)] = audio
        begin += before
        return Crop(codes, begin, sound[begin * FRAME :][: CROP * FRAME])


def spoken(mimi: MimiModel, codes: torch.Tensor, begin: torch.Tensor) -> torch.Tensor:
    """The sound of the crops that begin at the frames `begin` [B] of `codes` [B, codebooks, frames].

    The transformer reads all that was before, the convolutions `LEFT` frames of it: [B, CROP * FRAME].
    """
    latent = mimi.quantizer.decode(codes)
    (latent,) = mimi.decoder_transformer(mimi.upsample(latent))  # [B, D, 2 * frames]
    moments = 2 * (begin[:, None] - LEFT) + torch.arange(2 * (LEFT + CROP), device=codes.device)
    cropped = latent.gather(2, moments[:, None].expand(-1, latent.shape[1], -1))
    sound: torch.Tensor = mimi.decoder(cropped)[:, 0, LEFT * FRAME :]
    return sound


def train(mimi: MimiModel, repertoire: Repertoire, output: Path, steps: int, device: torch.device) -> None:
    """Train for `steps` batches and the later parts. Write Mimi's weights to `output` now and then, and at the end."""
    mimi.to(device)
    quantizer = mimi.quantizer
    parts = (
        mimi.decoder,
        mimi.decoder_transformer,
        mimi.upsample,
        quantizer.rvq_first.output_proj,
        quantizer.rvq_rest.output_proj,
    )
    parameters = [parameter for part in parts for parameter in part.parameters()]
    distance = Spectra(device)

    def loss(codes: torch.Tensor, begin: torch.Tensor, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        apart = distance(spoken(mimi, codes, begin), sound)
        return apart, apart[None]

    for number, part in enumerate(PARTS, start=1):
        count = max(1, round(part.share * steps))
        descent = Descent(count, part.learning_rate, warmup=30, betas=(0.8, 0.95), weight_decay=0)
        crops = Crops(repertoire, part.greeting)
        drawn = batches(crops.draw, part.seed, count, BATCH, device)
        for step, (apart,) in descent.run(loss, parameters, drawn):
            if step % 100 == 0:
                print(f"decoder, part {number}, {step} of {count}: {apart:.3f}", flush=True)
                torch.save(mimi.state_dict(), output)
    torch.save(mimi.state_dict(), output)
