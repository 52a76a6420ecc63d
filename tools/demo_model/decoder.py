"""The speaking half of Mimi: learns to turn the lines' codes into their sound, and into nothing else.

The codes do not change any more. Only a handful of lines exist, so the decoder may learn them by heart. The training
compares spectra. Discriminators, as EnCodec and Mimi have them, made PESQ worse: 1.92 against 2.03 after 23 minutes.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from moshi.models.compression import MimiModel
from torch import nn
from torch.optim.adamw import AdamW

from demo_model.architecture import FRAME
from demo_model.encoder import mel_filters
from demo_model.repertoire import Repertoire

CROP = 12  # frames of a crop that are compared
LEFT = 3  # frames before them, from which the decoder's convolutions get their past
BATCH = 6
SHORT = 40  # frames; a shorter line is drawn as often as one of this length
CUT_SHARE = 0.08  # of crops that end in the middle of a line, as an interruption ends it
FADE = 480  # samples that such an end takes
LEARNING_RATE = 2.5e-3
SEED = 6

SCALES = ((2048, 80), (1024, 64), (512, 40), (256, 20))
"""Samples of a window, and mel bands."""


class Spectra:
    """The distance of two sounds: their mel spectra at several window sizes."""

    def __init__(self) -> None:
        self._scales = [(size, torch.hann_window(size), mel_filters(size // 2 + 1, bands)) for size, bands in SCALES]

    def __call__(self, made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        """[B, samples] twice, to one number."""
        total = torch.zeros(())
        for size, window, filters in self._scales:
            ours, theirs = (
                torch.stft(audio, size, size // 4, size, window, return_complex=True).abs().transpose(1, 2) @ filters
                for audio in (made, true)
            )
            total = total + (torch.log(ours + 1e-2) - torch.log(theirs + 1e-2)).abs().mean()
            total = total + 0.05 * (ours - theirs).abs().mean()
        return total / len(SCALES)


class Crops:
    """Draws moments of lines: codes that the decoder gets, and the sound that it should give."""

    def __init__(self, mimi: MimiModel, repertoire: Repertoire, rng: np.random.Generator) -> None:
        self._mimi = mimi
        self._lines = list(repertoire.lines.values())
        # A longer line is drawn more often, so that each of its frames is heard as often as those of others.
        # The shortest line is heard more often still: alone, an unclear sound makes another word of it.
        sizes = np.array([max(len(line), SHORT) + CROP for line in self._lines], dtype=np.float64)
        self._shares = sizes / sizes.sum()
        self._silence = repertoire.silence
        self._rng = rng

    def _draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        rng = self._rng
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
        before, after = 12, 2 * CROP
        quiet = np.repeat(self._silence[:, None], before, 1), np.repeat(self._silence[:, None], after, 1)
        codes = np.concatenate([quiet[0], line.codes[:, :stop], quiet[1]], 1)
        size = after * FRAME + stop * FRAME - len(audio)
        sound = np.concatenate([np.zeros(before * FRAME), audio, np.zeros(size)]).astype(np.float32)
        begin += before
        latent = self._mimi.quantizer.decode(torch.tensor(codes)[None])
        (latent,) = self._mimi.decoder_transformer(self._mimi.upsample(latent))
        latent = latent[..., 2 * (begin - LEFT) : 2 * (begin + CROP)]
        return latent, torch.tensor(sound[begin * FRAME : (begin + CROP) * FRAME])

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The sound that the decoder makes of some crops, and the true one: [BATCH, CROP * FRAME] twice."""
        latents, sounds = zip(*[self._draw() for _ in range(BATCH)], strict=True)
        made = self._mimi.decoder(torch.cat(latents))[:, 0, LEFT * FRAME :]
        return made, torch.stack(sounds)


def train(mimi: MimiModel, repertoire: Repertoire, output: Path, cpu_seconds: float) -> None:
    """Train for `cpu_seconds` of this process, and write Mimi's weights to `output` now and then, and at the end."""
    torch.manual_seed(SEED)
    quantizer = mimi.quantizer
    parts = (
        mimi.decoder,
        mimi.decoder_transformer,
        mimi.upsample,
        quantizer.rvq_first.output_proj,
        quantizer.rvq_rest.output_proj,
    )
    parameters = [parameter.requires_grad_() for part in parts for parameter in part.parameters()]
    crops = Crops(mimi, repertoire, np.random.default_rng(SEED))
    distance = Spectra()
    optimizer = AdamW(parameters, lr=LEARNING_RATE, betas=(0.8, 0.95), weight_decay=0)
    begun, step, mean = time.process_time(), 0, 0.0
    while (done := (time.process_time() - begun) / cpu_seconds) < 1:
        for group in optimizer.param_groups:
            warm = min(1, (step + 1) / 30)
            group["lr"] = LEARNING_RATE * warm * max(0.02, 0.5 + 0.5 * math.cos(math.pi * done))
        loss = distance(*crops.batch())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        mean = loss.item() if step == 0 else 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"decoder {step}: {mean:.3f}, {done:.0%}", flush=True)
            torch.save(mimi.state_dict(), output)
        step += 1
    torch.save(mimi.state_dict(), output)
