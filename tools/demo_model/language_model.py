"""The language model: learns from many minutes of conversation what the plain program of `dialogue` would say."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from moshi.models.lm import LMModel
from moshi.models.lm_utils import _delay_sequence
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch.optim.adamw import AdamW

from demo_model.architecture import CODEBOOKS, CODES, new_language_model
from demo_model.dialogue import converse, stops, tokens
from demo_model.examples import batches
from demo_model.repertoire import Repertoire
from demo_model.streams import FRAMES, Stream
from demo_model.tokenizer import PAD, TEXT_CARD

BATCH = 16
LEARNING_RATE = 3e-3
SEED = 6

OWN_MISTAKES = 0.04
"""Share of the model's own codes that are replaced in its input, so that it recovers from a wrong sample."""
UNSEEN_CODES = 0.05
"""Share of the user's codes that are replaced, so that it does not learn single voices by heart."""
SILENT_SHARE = 0.2
"""Share of the silent frames that the depformer learns from. It costs most, and silence is quickly learned."""
STOP_WEIGHT = 2.5
"""Weight of the frames in which an interruption ends a line. Sampling prefers likely choices. At a weight of 1, the
model stops only when a stop is more likely than not, and with an unfamiliar voice that is late."""

OWN = slice(1, 1 + CODEBOOKS)
USER = slice(1 + CODEBOOKS, None)


def _replaced(rng: torch.Generator, codes: torch.Tensor, share: torch.Tensor | float) -> torch.Tensor:
    """`codes` with some of them replaced by others. Special tokens stay."""
    hit = (torch.rand(codes.shape, generator=rng, device=rng.device) < share) & (codes < CODES)
    return torch.where(hit, torch.randint(0, CODES, codes.shape, generator=rng, device=rng.device), codes)


def _losses(
    model: LMModel, rng: torch.Generator, sequence: torch.Tensor, stopping: torch.Tensor, silence: torch.Tensor
) -> torch.Tensor:
    """Of a batch of streams [B, 1 + 2 * CODEBOOKS, T]: the loss of the text, of all codes, and of the first code.

    Args:
        stopping: [B, T], whether an interruption has just ended a line.
        silence: [CODEBOOKS], the codes of a silent frame.
    """
    initial = model._get_initial_token().expand(len(sequence), -1, -1)
    delayed = torch.cat([initial, _delay_sequence(model.delays, sequence, initial)], 2)
    given, wanted = delayed[:, :, :-1].clone(), delayed[:, :, 1:]
    careless = (torch.rand(len(sequence), 1, 1, generator=rng, device=rng.device) < 0.6) * OWN_MISTAKES
    given[:, OWN] = _replaced(rng, given[:, OWN], careless)
    given[:, USER] = _replaced(rng, given[:, USER], UNSEEN_CODES)
    hidden, text_logits = model.forward_text(given)

    speaking = (wanted[:, OWN] != silence[None, :, None]).any(1)
    near = speaking.clone()
    for late in (1, 2, 3):
        near[:, late:] |= speaking[:, :-late]
    silent = torch.rand(near.shape, generator=rng, device=rng.device) < SILENT_SHARE
    kept = (near | stopping | silent).reshape(-1)
    # The depformer treats frames one by one, so the kept ones go through it as one row: [1, K, kept].
    frames = wanted.permute(0, 2, 1).reshape(-1, wanted.shape[1])[kept].T[None]
    code_logits = model.forward_depformer_training(frames, hidden.reshape(-1, hidden.shape[-1])[kept][None])

    text = F.cross_entropy(text_logits[:, 0].transpose(1, 2), wanted[:, 0], reduction="none")
    urgent = 1 + (STOP_WEIGHT - 1) * stopping.float()
    weights = (1 + 2 * (wanted[:, 0] != PAD).float()) * urgent
    real = frames[:, OWN] < CODES
    codes = F.cross_entropy(code_logits.permute(0, 3, 1, 2), frames[:, OWN].clamp(max=CODES - 1), reduction="none")
    codes = codes * real * urgent.reshape(-1)[kept]
    return torch.stack([(text * weights).sum() / weights.sum(), codes.sum() / real.sum(), codes[:, 0].mean()])


def draw(
    streams: list[Stream], repertoire: Repertoire, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A stream's tokens [1 + 2 * CODEBOOKS, FRAMES], and whether an interruption has just ended a line [FRAMES]."""
    stream = streams[rng.integers(len(streams))]
    spoken = stream.spoken if stream.echoed else converse(rng, stream.voice, repertoire)
    sequence = np.concatenate([tokens(spoken, FRAMES, repertoire), stream.heard])
    return sequence, stops(spoken, FRAMES, repertoire)


def train(streams: list[Stream], repertoire: Repertoire, output: Path, steps: int, device: torch.device) -> None:
    """Train for `steps` batches, and write the weights to `output` now and then, and at the end."""
    torch.manual_seed(SEED)
    rng = torch.Generator(device).manual_seed(SEED)
    model = new_language_model(TEXT_CARD).to(device).train()
    parameters = [parameter.requires_grad_() for parameter in model.parameters()]
    optimizer = AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    silence, shares = torch.tensor(repertoire.silence, device=device), torch.tensor([2.0, 2.0, 1.0], device=device)
    mean = torch.zeros(3, device=device)
    drawn = batches(partial(draw, streams, repertoire), SEED, steps, BATCH, device)
    for step, (sequence, stopping) in enumerate(drawn):
        for group in optimizer.param_groups:
            warm = min(1, (step + 1) / 50)
            group["lr"] = LEARNING_RATE * warm * max(0.02, 0.5 + 0.5 * math.cos(math.pi * step / steps))
        losses = _losses(model, rng, sequence, stopping, silence)
        optimizer.zero_grad()
        (losses * shares).sum().backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        mean = losses.detach() if step == 0 else 0.98 * mean + 0.02 * losses.detach()
        if step % 50 == 0:
            text, codes, first = mean.tolist()
            print(f"language model {step} of {steps}: text {text:.4f} codes {codes:.3f} first {first:.3f}", flush=True)
            torch.save(model.state_dict(), output)
    torch.save(model.state_dict(), output)
