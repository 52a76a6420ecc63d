"""The listening half of Mimi: learns to tell users from other sounds and from its own echo, then gets its codebooks.

Mimi's first codebook carries what is said, because WavLM taught it so. Here it carries whether a user talks: the
first quantizer's latent learns the voice activity and a coarse spectrum, and the others' latent a fine spectrum.
Upstream's own k-means then makes the codebooks.
"""

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from moshi.models.compression import MimiModel
from moshi.quantization.core_vq import _run_kmeans
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from demo_model import acoustics
from demo_model.architecture import CODES, FRAME, LATENT, SAMPLE_RATE, Audio, new_mimi
from demo_model.descent import Descent
from demo_model.examples import batches
from demo_model.repertoire import with_silence
from demo_model.talking import say, voiced_frames

CROP = 40  # frames
BATCH = 16
CODEBOOK_BATCHES = 20
"""From which the codebooks are made, and as many to check them."""
LEARNING_RATE = 2e-3
ECHO_WEIGHT = 0.5
"""Weight of the frames in which only the demo is heard. It sounds like some users, so a great weight costs those.
Before people were among the users of the training, the encoder missed up to half of the frames of one person in noise.
The language model also tells echo and user apart: it knows when the demo speaks."""
GAIN = 1.7
"""Of the initial convolutions, so that without normalisation the signal keeps its size through all layers."""
COARSE, FINE = 20, 40  # bands of a frame; of half a frame
SEED = 6


def mel_filters(bins: int, bands: int) -> torch.Tensor:
    """Triangular mel filters from 30 Hz to half the sample rate: [bins, bands]."""
    top = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    low = 2595 * math.log10(1 + 30 / 700)
    edges = 700 * (10 ** (torch.linspace(low, top, bands + 2) / 2595) - 1)
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, bins)[:, None]
    rise = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return torch.minimum(rise, fall).clamp(min=0)


class FrameSpectrum:
    """The logarithmic mel spectrum of each half frame, at about unit size."""

    def __init__(self, device: torch.device) -> None:
        self._hop = FRAME // 2
        self._context = 320  # samples of the past that a window sees, as the encoder does
        self._window = torch.hann_window(self._hop + self._context, device=device)
        self._filters = mel_filters(1025, FINE).to(device)

    def __call__(self, audio: torch.Tensor) -> torch.Tensor:
        """[B, samples] to [B, frames, 2 * FINE]."""
        slices = F.pad(audio, (self._context, 0)).unfold(1, len(self._window), self._hop) * self._window
        mel = torch.fft.rfft(slices, 2048).abs() @ self._filters
        return ((torch.log(mel + 1e-3) + 2) / 2).reshape(len(audio), -1, 2 * FINE)


class Crop(NamedTuple):
    """A moment of a conversation."""

    audio: Audio
    """[CROP * FRAME]"""
    voice: NDArray[np.bool_]
    """[CROP]: whether a user talks in the frame."""
    weight: NDArray[np.float32]
    """[CROP]: of the frame's voice activity. It is 0 where codes of the lines are made."""


def moment(lines: list[Audio], rng: np.random.Generator) -> Audio:
    """A part of a line, or all of it with silence around it: [CROP * FRAME]."""
    audio: Audio = np.zeros(CROP * FRAME, np.float32)
    line = lines[rng.integers(len(lines))]
    start = int(rng.integers(-len(line) // 2, len(audio) // 2))
    part = line[max(0, -start) :][: len(audio) - max(0, start)]
    audio[max(0, start) : max(0, start) + len(part)] = part
    return audio


def _disturbances(rng: np.random.Generator, level: float, musical: float) -> Audio:
    """The sounds beside a voice of `level` dB, at least 8 dB quieter. `musical` is the chance of music.

    Some begin in the middle. An encoder that only heard steady noise took the first second of a new one for a user.
    Then the language model learned that a voice in such noise is none.
    """
    samples = CROP * FRAME
    audio: Audio = np.zeros(samples, np.float32)
    if rng.random() < 0.8:
        kind = str(rng.choice(acoustics.NOISES))
        quieter = rng.uniform(8, 50 if rng.random() < 0.5 else 14)
        noise = acoustics.noise(rng, samples, kind) * np.float32(10 ** (max(-85.0, level - quieter) / 20))
        if rng.random() < 0.3:
            noise *= acoustics.swell(rng, samples)
        audio += acoustics.switched(rng, noise)
    if rng.random() < 0.2:
        audio += acoustics.clicks(rng, samples, each_second=rng.uniform(0.5, 6))
    if rng.random() < musical:
        music = acoustics.music(rng, samples) * np.float32(10 ** ((level - rng.uniform(8, 25)) / 20))
        audio += acoustics.switched(rng, music)
    if rng.random() < 0.15:
        audio += acoustics.tones(rng, samples) * 10 ** ((level - rng.uniform(8, 25)) / 20)
    return audio


def _user(clips: list[Audio], rng: np.random.Generator, level: float) -> tuple[Audio, NDArray[np.bool_]]:
    """One who talks at `level` dB: the sound [CROP * FRAME], and the voice activity [CROP]."""
    samples = CROP * FRAME
    audio, voice = np.zeros(samples, np.float32), np.zeros(CROP, bool)
    speed = acoustics.draw_speed(rng)
    start = int(rng.integers(0, samples * 2 // 3))
    while start < samples:
        clip = clips[rng.integers(len(clips))]
        clip = clip[int(rng.integers(0, len(clip) // 2)) if rng.random() < 0.3 else 0 :]
        clip = acoustics.at_speed(clip, speed)
        say(rng, clip, level, start, audio, voice)
        start += len(clip) + int(rng.uniform(0.1, 1.5) * SAMPLE_RATE)
    return (acoustics.room(rng, audio) if rng.random() < 0.6 else audio), voice


def _echo(lines: list[Audio], rng: np.random.Generator, loudest: float) -> Audio:
    """The demo's own voice as the microphone hears it, at up to `loudest` dB against its sound: [CROP * FRAME]."""
    return acoustics.echo(rng, moment(lines, rng)) * np.float32(10 ** (rng.uniform(-40, loudest) / 20))


def draw_crop(users: list[list[Audio]], lines: list[Audio], rng: np.random.Generator) -> Crop:
    """A moment of a conversation: a user, the demo's own voice, both, disturbances, or silence.

    An echo of the demo is taught as no user. Otherwise the codes of the two differ by chance only, and the language
    model takes the one for the other.
    """
    heard = rng.choice(("line", "echo", "user", "nobody"), p=(0.08, 0.12, 0.50, 0.30))
    if heard == "line":  # as its codes will be made: alone, at its own level
        return Crop(moment(lines, rng), np.zeros(CROP, bool), np.zeros(CROP, np.float32))
    level = rng.uniform(-38, -12)  # dB below full scale, of a voice
    audio = _disturbances(rng, level, musical=0.7 if heard == "nobody" else 0.3)
    voice: NDArray[np.bool_] = np.zeros(CROP, bool)
    weight = np.ones(CROP, np.float32)
    if heard == "user":
        talk, voice = _user(users[rng.integers(len(users))], rng, level)
        audio += talk
    if heard == "echo" or (heard == "user" and rng.random() < 0.3):  # alone, or both talk
        echo = _echo(lines, rng, loudest=0 if heard == "echo" else -5)
        audio += echo
        weight[voiced_frames(echo, 0) & ~voice] = ECHO_WEIGHT
    return Crop(np.clip(audio, -1, 1), voice, weight)


def _initialise(mimi: MimiModel) -> None:
    for part in (mimi.encoder, mimi.decoder, mimi.downsample, mimi.upsample):
        for module in part.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                module.weight.data.mul_(GAIN)
                if module.bias is not None:
                    module.bias.data.zero_()


@torch.no_grad()
def _make_codebooks(mimi: MimiModel, latents: list[torch.Tensor], weighted: list[torch.Tensor]) -> None:
    """Fit each codebook to the residual that the ones before it leave. `weighted` latents count three times."""
    quantizer = mimi.quantizer
    for split, repeats in ((quantizer.rvq_first, 1), (quantizer.rvq_rest, 3)):
        inputs = [
            split.input_proj(latent).transpose(1, 2).reshape(-1, LATENT) for latent in latents + weighted * repeats
        ]
        residual = torch.cat(inputs)
        for layer in split.vq.layers:
            centres, _ = _run_kmeans(residual, CODES, 30)
            codebook = layer._codebook
            codebook.embedding_sum.copy_(centres)
            codebook.cluster_usage.fill_(1.0)
            codebook._initialized.fill_(1.0)
            codebook.register_buffer("_embedding", None, persistent=False)  # upstream caches the old centres in it
            residual = residual - centres[torch.cdist(residual, centres).argmin(-1)]


@torch.no_grad()
def _voice_in_first_code(mimi: MimiModel, crops: list[tuple[torch.Tensor, ...]]) -> float:
    """The share of frames whose first code alone tells whether a user talks."""
    mimi.eval()
    codes = torch.cat([mimi.encode(audio[:, None])[:, 0].reshape(-1) for audio, _, _ in crops])
    voice = torch.cat([v.reshape(-1) for _, v, _ in crops])
    counts = torch.cat([w.reshape(-1) for _, _, w in crops]) > 0
    total = torch.bincount(codes[counts], minlength=CODES).clamp(min=1)
    likely = torch.bincount(codes[counts], weights=voice[counts].float(), minlength=CODES) / total > 0.5
    return float((likely[codes[counts]] == voice[counts]).float().mean())


def train(users: list[list[Audio]], lines: dict[str, Audio], output: Path, steps: int, device: torch.device) -> None:
    """Train for `steps` batches, and write Mimi's weights with an untrained decoder to `output`."""
    torch.manual_seed(SEED)
    own = list(lines.values())
    draw = partial(draw_crop, users, own)
    mimi = new_mimi()
    _initialise(mimi)
    mimi.to(device)
    first, rest = mimi.quantizer.rvq_first, mimi.quantizer.rvq_rest
    listener = nn.Linear(LATENT, 1 + COARSE, device=device)
    describer = nn.Linear(LATENT, 2 * FINE, device=device)
    parts = (
        mimi.encoder,
        mimi.encoder_transformer,
        mimi.downsample,
        first.input_proj,
        rest.input_proj,
        listener,
        describer,
    )
    parameters = [parameter for part in parts for parameter in part.parameters()]
    spectrum = FrameSpectrum(device)

    def loss(audio: torch.Tensor, voice: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        fine = spectrum(audio)
        coarse = fine.reshape(*fine.shape[:2], COARSE, -1).mean(-1)
        latent = mimi._encode_to_unquantized_latent(audio[:, None])
        heard = listener(first.input_proj(latent).transpose(1, 2))
        described = describer(rest.input_proj(latent).transpose(1, 2))
        activity = F.binary_cross_entropy_with_logits(heard[..., 0], voice.float(), weight=weight)
        shape = (heard[..., 1:] - coarse).abs().mean() + (described - fine).abs().mean()
        right = ((heard[..., 0] > 0) == voice)[weight > 0].float().mean()
        return 8 * activity + shape, torch.stack([right, shape])

    descent = Descent(steps, LEARNING_RATE, warmup=20, betas=(0.9, 0.98), weight_decay=1e-3)
    for step, (right, shape) in descent.run(loss, parameters, batches(draw, SEED, steps, BATCH, device)):
        if step % 50 == 0:
            print(f"encoder {step} of {steps}: voice {right:.3f} spectrum {shape:.3f}", flush=True)

    crops = list(batches(draw, SEED + 1, CODEBOOK_BATCHES, BATCH, device))
    with torch.no_grad():
        everyday = [mimi._encode_to_unquantized_latent(audio[:, None]) for audio, _, _ in crops]
        spoken = [mimi._encode_to_unquantized_latent(with_silence(line)[None, None].to(device)) for line in own]
    _make_codebooks(mimi, everyday, spoken)
    share = _voice_in_first_code(mimi, list(batches(draw, SEED + 2, CODEBOOK_BATCHES, BATCH, device)))
    print(f"the first code tells whether a user talks in {share:.1%} of the frames", flush=True)
    torch.save(mimi.state_dict(), output)


def load(path: Path) -> MimiModel:
    """A Mimi with the weights that `train` or the decoder's training wrote, on the CPU, for inference."""
    mimi = new_mimi()
    mimi.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return mimi.eval()
