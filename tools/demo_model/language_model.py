"""The language model: learns from many minutes of conversation what the plain program of `dialogue` would say."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from moshi.models.lm import LMModel
from moshi.models.lm_utils import _delay_sequence
from moshi.utils.compile import no_compile
from numpy.typing import NDArray
from torch.nn import functional as F

from demo_model.architecture import CODEBOOKS, CODES, CONTEXT, new_language_model
from demo_model.banded_attention import banded_attention
from demo_model.descent import Descent
from demo_model.dialogue import HESITATES, INTERRUPTION, PAUSE, converse, stops, tokens
from demo_model.examples import batches
from demo_model.repertoire import Repertoire
from demo_model.streams import FRAMES, Stream
from demo_model.tokenizer import PAD, TEXT_CARD

BATCH = 8
SHARES = (2.0, 2.0, 1.0)
"""Weights of the losses of the text, of all codes, and of the first code."""

OWN_MISTAKES = 0.04
"""Share of the model's own codes that are replaced in its input, so that it recovers from a wrong sample."""
UNSEEN_CODES = (0.05, *[0.3] * (CODEBOOKS - 1))
"""Share of the user's codes that are replaced, in each codebook, so that it does not learn single voices by heart. The
first code says whether a user talks. The others differ most in an unfamiliar voice or noise."""
SILENT_SHARE = 0.2
"""Share of the silent frames that the depformer learns from. It costs most, and silence is quickly learned."""
FLUENT_SHARE = 0.3
"""Once it speaks without mistakes, the depformer learns from this share of the frames. The rest of the time is for the
decision when to speak."""

BURST = INTERRUPTION - 1  # frames of the longest sound like a voice that interrupts nothing
STRETCH = 16
"""Frames of a stretch, in which at most one burst is. More than `PAUSE` frames between two bursts are quiet."""


@dataclass(frozen=True)
class _Part:
    """A part of the training: it has its own batches, and its learning rate rises and falls.

    Attributes:
        share: its batches, as a share of those of the first part.
        learning_rate: the highest one.
        stop_weight: weight of the frames in which an interruption ends a line. The greater it is, the sooner the model
            stops, and the sooner it stops because of its own echo or of music.
        fluent: share of the part after which it speaks without mistakes.
        hesitates: chance that an answer comes late, as in `converse`.
        bursts: chance of a burst in a stretch: a moment of a voice, too short to interrupt.
        seed: of the batches, and of what is replaced in them.
    """

    share: float
    learning_rate: float
    stop_weight: float
    fluent: float
    hesitates: float
    bursts: float
    seed: int


PARTS = (
    _Part(share=1.0, learning_rate=3e-3, stop_weight=1.7, fluent=0.3, hesitates=HESITATES, bursts=0.0, seed=6),
    _Part(share=0.54, learning_rate=1e-3, stop_weight=0.45, fluent=0.0, hesitates=0.15, bursts=0.0, seed=16),
    _Part(share=0.25, learning_rate=1e-3, stop_weight=0.4, fluent=0.0, hesitates=0.15, bursts=0.5, seed=26),
)
"""The first part teaches to stop. After it alone, an echo or music that began after ten minutes of talk interrupted 3 %
of the calls, while no user waited for a stop in vain. So the later parts make the model surer before it stops. They
have more late answers, too. Without them, 3 % of the turns in noise got no answer: the model missed the moment, and
then it waited for the next turn. After the first two parts, one or two frames of a bell that resembled a voice could
still stop a line. The last part has such moments."""

OWN = slice(1, 1 + CODEBOOKS)
USER = slice(1 + CODEBOOKS, None)


def _replaced(rng: torch.Generator, codes: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """`codes` with some of them replaced by others. Special tokens stay."""
    hit = (torch.rand(codes.shape, generator=rng, device=rng.device) < share) & (codes < CODES)
    return torch.where(hit, torch.randint(0, CODES, codes.shape, generator=rng, device=rng.device), codes)


class _Batch(NamedTuple):
    """Streams as the model reads them and as it should go on. Each field is [B, ..., T]."""

    given: torch.Tensor
    """[B, 1 + 2 * CODEBOOKS, T]: the tokens up to a step, some of which are replaced."""
    wanted: torch.Tensor
    """[B, 1 + 2 * CODEBOOKS, T]: the tokens of the step."""
    stopping: torch.Tensor
    """[B, T]: whether an interruption has just ended a line."""
    kept: torch.Tensor
    """[B, T]: whether the depformer learns from the step."""


def _batch(
    model: LMModel, rng: torch.Generator, sequence: torch.Tensor, stopping: torch.Tensor, silence: torch.Tensor,
    share: float,
) -> _Batch:  # fmt: skip
    """One step's examples from streams [B, 1 + 2 * CODEBOOKS, T].

    Args:
        stopping: as in `_Batch`.
        silence: [CODEBOOKS], the codes of a silent frame.
        share: of the speaking frames that the depformer learns from.
    """
    initial = model._get_initial_token().expand(len(sequence), -1, -1)
    delayed = torch.cat([initial, _delay_sequence(model.delays, sequence, initial)], 2)
    given, wanted = delayed[:, :, :-1].clone(), delayed[:, :, 1:]
    careless = (torch.rand(len(sequence), 1, 1, generator=rng, device=rng.device) < 0.6) * OWN_MISTAKES
    given[:, OWN] = _replaced(rng, given[:, OWN], careless)
    unseen = torch.tensor(UNSEEN_CODES, device=rng.device)[:, None]
    given[:, USER] = _replaced(rng, given[:, USER], unseen)

    speaking = (wanted[:, OWN] != silence[None, :, None]).any(1)
    near = speaking.clone()
    for late in (1, 2, 3):
        near[:, late:] |= speaking[:, :-late]
    chance = torch.where(near, share, share * SILENT_SHARE)
    drawn = torch.rand(near.shape, generator=rng, device=rng.device) < chance
    return _Batch(given, wanted, stopping, drawn | stopping)


def _loss(model: LMModel, stop_weight: float, *fields: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the fields of a `_Batch`: the loss, and the losses of the text, of all codes, and of the first code."""
    batch = _Batch(*fields)
    hidden, text_logits = model.forward_text(batch.given)
    kept = batch.kept.reshape(-1)
    # The depformer treats frames one by one, so the kept ones go through it as one row: [1, K, kept].
    frames = batch.wanted.permute(0, 2, 1).reshape(-1, batch.wanted.shape[1])[kept].T[None]
    code_logits = model.forward_depformer_training(frames, hidden.reshape(-1, hidden.shape[-1])[kept][None])

    wanted = batch.wanted[:, 0]
    text = F.cross_entropy(text_logits[:, 0].transpose(1, 2), wanted, reduction="none")
    urgent = 1 + (stop_weight - 1) * batch.stopping.float()
    weights = (1 + 2 * (wanted != PAD).float()) * urgent
    real = frames[:, OWN] < CODES
    codes = F.cross_entropy(code_logits.permute(0, 3, 1, 2), frames[:, OWN].clamp(max=CODES - 1), reduction="none")
    codes = codes * real * urgent.reshape(-1)[kept]
    losses = torch.stack([(text * weights).sum() / weights.sum(), codes.sum() / real.sum(), codes[:, 0].mean()])
    return (losses * torch.tensor(SHARES, device=losses.device)).sum(), losses


def _with_bursts(
    heard: NDArray[Any], voice: NDArray[np.bool_], other: Stream, chance: float, rng: np.random.Generator
) -> NDArray[Any]:
    """`heard` [codebooks, FRAMES] with moments of the voice in `other`, which are too short to interrupt.

    They are only where `voice` [FRAMES] is quiet, and in a stretch of `STRETCH` frames with the probability `chance`.
    """
    voiced = np.flatnonzero(other.conversation.voice[: FRAMES - BURST])
    mixed = heard.copy()
    if not len(voiced):
        return mixed
    for stretch in range(0, FRAMES, STRETCH):
        if rng.random() >= chance:
            continue
        frames = int(rng.integers(1, BURST + 1))
        start = stretch + int(rng.integers(STRETCH - BURST - PAUSE))
        around = slice(max(0, start - PAUSE - 1), start + frames + PAUSE + 1)
        if not voice[around].any():
            moment = voiced[rng.integers(len(voiced))]
            mixed[:, start : start + frames] = other.heard[:, moment : moment + frames]
    return mixed


def draw(
    streams: list[Stream], repertoire: Repertoire, part: _Part, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A stream's tokens [1 + 2 * CODEBOOKS, FRAMES], and whether an interruption has just ended a line [FRAMES].

    If the stream has no echo, the model's side is another each time.
    """
    stream = streams[rng.integers(len(streams))]
    conversation = stream.conversation
    voice = conversation.voice
    spoken = conversation.spoken if conversation.echoed else converse(rng, voice, repertoire, part.hesitates)
    heard = stream.heard
    if part.bursts:
        heard = _with_bursts(heard, voice, streams[rng.integers(len(streams))], part.bursts, rng)
    sequence = np.concatenate([tokens(spoken, FRAMES, repertoire), heard])
    return sequence, stops(spoken, FRAMES, repertoire)


def train(streams: list[Stream], repertoire: Repertoire, output: Path, steps: int, device: torch.device) -> None:
    """Train for `steps` batches and the later parts, and write the weights to `output` now and then, and at the end."""
    torch.manual_seed(PARTS[0].seed)
    model = new_language_model(TEXT_CARD).to(device).train()
    silence = torch.tensor(repertoire.silence, device=device)

    def prepared(part: _Part, count: int) -> Iterator[_Batch]:
        rng = torch.Generator(device).manual_seed(part.seed)
        drawn = batches(partial(draw, streams, repertoire, part), part.seed, count, BATCH, device)
        for step, (sequence, stopping) in enumerate(drawn):
            share = 1.0 if step < part.fluent * count else FLUENT_SHARE
            yield _batch(model, rng, sequence, stopping, silence, share)

    with no_compile(), banded_attention(CONTEXT):
        for number, part in enumerate(PARTS, start=1):
            count = max(1, round(part.share * steps))
            descent = Descent(count, part.learning_rate, warmup=50, betas=(0.9, 0.98), weight_decay=0.02)
            loss = partial(_loss, model, part.stop_weight)
            for step, (text, codes, first) in descent.run(loss, list(model.parameters()), prepared(part, count)):
                if step % 50 == 0:
                    print(
                        f"language model, part {number}, {step} of {count}: "
                        f"text {text:.4f} codes {codes:.3f} first {first:.3f}",
                        flush=True,
                    )
                    torch.save(model.state_dict(), output)
    torch.save(model.state_dict(), output)
