"""The training of the language model, on a few conversations made by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from moshi.models.lm import LMModel
from moshi.utils.compile import no_compile
from torch.nn import functional as F

from demo_model import language_model
from demo_model.architecture import CODEBOOKS, CODES, new_language_model
from demo_model.dialogue import INTERRUPTION, PAUSE, converse, tokens
from demo_model.repertoire import Line, Repertoire
from demo_model.sentences import LINES
from demo_model.streams import FRAMES, Conversation, Stream
from demo_model.tokenizer import PAD, TEXT_CARD

LENGTH = 20
TURN, QUIET = 20, 40
"""Frames."""
BATCHES = 12


def line(number: int) -> Line:
    text = np.full(LENGTH, PAD)
    text[0] = 10 + number
    return Line(text, np.full((CODEBOOKS, LENGTH), 20 + number), np.zeros(LENGTH, np.float32))


REPERTOIRE = Repertoire({key: line(number) for number, key in enumerate(LINES)}, np.arange(CODEBOOKS))


def stream(seed: int) -> Stream:
    """A user who talks in regular turns. Each codebook has one code for the voice and one for the silence."""
    voice = np.arange(FRAMES) % (TURN + QUIET) >= QUIET
    spoken = converse(np.random.default_rng(seed), voice, REPERTOIRE)
    heard = np.where(voice, 7, 3).astype(np.uint8)[None].repeat(CODEBOOKS, 0)
    return Stream(Conversation(voice, spoken, echoed=True), heard)


@torch.no_grad()
def text_loss(model: LMModel, example: Stream) -> float:
    """How badly `model` predicts the text of `example`, in nats per frame."""
    own = tokens(example.conversation.spoken, FRAMES, REPERTOIRE)
    sequence = torch.tensor(np.concatenate([own, example.heard]), dtype=torch.long)[None]
    given = torch.cat([model._get_initial_token(), sequence[:, :, :-1]], 2)
    with no_compile():
        _, logits = model.eval().forward_text(given)
    return float(F.cross_entropy(logits[0, 0], sequence[0, 0]))


def test_every_part_trains_and_the_model_predicts_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "language_model.pt"
    language_model.train([stream(1), stream(2)], REPERTOIRE, result, BATCHES, torch.device("cpu"))

    said = capsys.readouterr().out
    assert [part for part in range(1, 9) if f"part {part}, 0 of" in said] == [1, 2, 3]
    trained = new_language_model(TEXT_CARD)
    trained.load_state_dict(torch.load(result, weights_only=True))
    torch.manual_seed(language_model.PARTS[0].seed)
    untrained = new_language_model(TEXT_CARD)
    assert text_loss(trained, stream(3)) < 0.5 * text_loss(untrained, stream(3))


def test_a_replaced_code_is_a_code_and_special_tokens_stay() -> None:
    rng = torch.Generator().manual_seed(1)
    codes = torch.full((4, CODEBOOKS, 500), 5)
    codes[:, :, ::10] = CODES  # the initial token
    replaced = language_model._replaced(rng, codes, torch.tensor(0.3))
    assert (replaced[:, :, ::10] == CODES).all()
    assert replaced.max() == CODES
    others = torch.ones(500, dtype=torch.bool)
    others[::10] = False
    share = (replaced[:, :, others] != 5).float().mean().item()
    assert 0.27 < share < 0.33


def test_a_burst_of_voice_is_too_short_to_interrupt_and_stays_apart_from_voice_and_other_bursts() -> None:
    here, other = stream(1), stream(2)
    voice = here.conversation.voice
    other = replace(other, heard=np.where(other.conversation.voice, 9, 3).astype(np.uint8)[None].repeat(CODEBOOKS, 0))
    mixed = language_model._with_bursts(here.heard, voice, other, 1.0, np.random.default_rng(1))
    burst = (mixed == 9).all(0)
    assert ((mixed == here.heard).all(0) | burst).all()
    assert burst.sum() > 20
    changes = np.flatnonzero(np.diff(np.concatenate([[False], burst, [False]])))
    starts, ends = changes[::2], changes[1::2]
    assert set(ends - starts) == set(range(1, INTERRUPTION))
    assert (starts[1:] - ends[:-1]).min() > PAUSE
    for start, end in zip(starts, ends, strict=True):
        assert not voice[max(0, start - PAUSE - 1) : end + PAUSE + 1].any()


def test_nobody_in_the_other_stream_means_no_burst() -> None:
    here = stream(1)
    nobody = replace(here, conversation=Conversation(np.zeros(FRAMES, bool), [], echoed=True))
    voice = here.conversation.voice
    mixed = language_model._with_bursts(here.heard, voice, nobody, 1.0, np.random.default_rng(1))
    assert (mixed == here.heard).all()
