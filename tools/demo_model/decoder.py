"""The speaking half of Mimi: learns to turn the lines' codes into their sound, and into nothing else.

The codes do not change any more. Only a handful of lines exist, so the decoder may learn them by heart. The first
part of the training compares spectra. The second part adds discriminators, as EnCodec and Mimi do, because spectra
alone leave a rough voice.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from moshi.models.compression import MimiModel
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from torch.optim.adamw import AdamW

from demo_model.architecture import FRAME
from demo_model.encoder import mel_filters
from demo_model.repertoire import Repertoire

CROP = 12  # frames of a crop that are compared
LEFT = 3  # frames before them, from which the decoder's convolutions get their past
BATCH = 6
CUT_SHARE = 0.08  # of crops that end in the middle of a line, as an interruption ends it
FADE = 480  # samples that such an end takes
LEARNING_RATE = 2.5e-3
ADVERSARIAL_RATE = 4e-4
ADVERSARIAL_WEIGHT = 0.08
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


class Discriminator(nn.Module):
    """Tells made sound from true sound by its complex spectrum at one window size, as in EnCodec, but small."""

    def __init__(self, size: int, channels: int = 12) -> None:
        super().__init__()
        self._size = size
        self.register_buffer("_window", torch.hann_window(size), persistent=False)
        shapes = [
            (2, channels, (3, 7), (1, 2)),
            (channels, channels, (3, 7), (1, 2)),
            (channels, 2 * channels, (3, 7), (1, 2)),
            (2 * channels, 2 * channels, (3, 3), (1, 1)),
            (2 * channels, 1, (3, 3), (1, 1)),
        ]
        self._layers = nn.ModuleList(
            weight_norm(nn.Conv2d(into, out, kernel, stride, (kernel[0] // 2, kernel[1] // 2)))
            for into, out, kernel, stride in shapes
        )

    def forward(self, audio: torch.Tensor) -> list[torch.Tensor]:
        """[B, samples] to what each layer gives. The last is the verdict: 1 is true, 0 is made."""
        spectrum = torch.stft(audio, self._size, self._size // 4, self._size, self._window, return_complex=True)
        value = torch.view_as_real(spectrum).permute(0, 3, 2, 1)
        value = value / (value.abs() + 1e-3).sqrt()
        values = []
        for layer in self._layers:
            value = layer(value)
            values.append(value)
            value = F.leaky_relu(value, 0.2)
        return values


class Crops:
    """Draws moments of lines: codes that the decoder gets, and the sound that it should give."""

    def __init__(self, mimi: MimiModel, repertoire: Repertoire, rng: np.random.Generator) -> None:
        self._mimi = mimi
        self._lines = list(repertoire.lines.values())
        # A longer line is drawn more often, so that each frame of each line is heard as often as the others.
        sizes = np.array([len(line) + CROP for line in self._lines], dtype=np.float64)
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


def _rate(peak: float, step: int, done: float) -> float:
    return peak * min(1, (step + 1) / 30) * max(0.02, 0.5 + 0.5 * math.cos(math.pi * done))


def train(
    mimi: MimiModel, repertoire: Repertoire, output: Path, cpu_seconds: float, adversarial_seconds: float
) -> None:
    """Train for so many seconds of this process, and write Mimi's weights to `output` now and then, and at the end."""
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
    _by_spectra(mimi, parameters, crops, output, cpu_seconds)
    if adversarial_seconds:
        _with_discriminators(mimi, parameters, crops, output, adversarial_seconds)


def _by_spectra(
    mimi: MimiModel, parameters: list[nn.Parameter], crops: Crops, output: Path, cpu_seconds: float
) -> None:
    distance = Spectra()
    optimizer = AdamW(parameters, lr=LEARNING_RATE, betas=(0.8, 0.95), weight_decay=0)
    begun, step, mean = time.process_time(), 0, 0.0
    while (done := (time.process_time() - begun) / cpu_seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _rate(LEARNING_RATE, step, done)
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


def _with_discriminators(
    mimi: MimiModel, parameters: list[nn.Parameter], crops: Crops, output: Path, cpu_seconds: float
) -> None:
    distance = Spectra()
    judges = nn.ModuleList(Discriminator(size) for size in (1536, 768, 300))
    optimizer = AdamW(parameters, lr=ADVERSARIAL_RATE, betas=(0.5, 0.9), weight_decay=0)
    judging = AdamW(judges.parameters(), lr=1e-3, betas=(0.5, 0.9))
    begun, step = time.process_time(), 0
    while (done := (time.process_time() - begun) / cpu_seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _rate(ADVERSARIAL_RATE, step, done)
        made, true = crops.batch()
        doubt = torch.zeros(())
        for judge in judges:
            verdict = judge(torch.cat([made.detach(), true]))[-1]
            doubt = doubt + (verdict[: len(made)] ** 2).mean() + ((verdict[len(made) :] - 1) ** 2).mean()
        judging.zero_grad()
        doubt.backward()
        judging.step()

        spectral = distance(made, true)
        fooled, alike = torch.zeros(()), torch.zeros(())
        for judge in judges:
            *ours, verdict = judge(made)
            with torch.no_grad():
                *theirs, _ = judge(true)
            fooled = fooled + ((verdict - 1) ** 2).mean()
            gaps = [(a - b).abs().mean() / (b.abs().mean() + 1e-6) for a, b in zip(ours, theirs, strict=True)]
            alike = alike + torch.stack(gaps).mean()
        # The judges learn alone at first.
        weight = ADVERSARIAL_WEIGHT if step > 50 else 0.0
        loss = spectral + weight * (fooled + 2 * alike)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(
                f"adversarial {step}: spectra {spectral:.3f} doubt {doubt / len(judges):.3f}"
                f" fooled {fooled / len(judges):.3f} alike {alike / len(judges):.3f}, {done:.0%}",
                flush=True,
            )
            torch.save(mimi.state_dict(), output)
        step += 1
    torch.save(mimi.state_dict(), output)
