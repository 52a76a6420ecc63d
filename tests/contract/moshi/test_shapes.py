"""A checkpoint is what it declares: every shape that upstream runs is served with upstream's tokens, or refused."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from moshi.models import LMGen
from moshi.utils.compile import no_compile

from loadtest.client import converse, encode, noise
from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.loading import load
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.loaders import load_mimi, load_moshi
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.settings import Settings
from support.services import running_moshi
from support.shapes import make
from support.speech import Samples, speech

GREEDY = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
FRAMES = 60


class Shape(NamedTuple):
    n_q: int
    dep_q: int
    delays: list[int]


SHAPES = {
    "hears fewer codes than it says": Shape(12, 8, [0, 0, *[1] * 7, 0, *[1] * 3]),
    "says fewer codes than it hears": Shape(16, 6, [0, 0, *[1] * 5, 0, *[1] * 9]),
    "hears one code": Shape(9, 8, [0, 0, *[1] * 7, 0]),
    "says one code": Shape(9, 1, [0, 0, 0, *[1] * 7]),
    "long delays": Shape(16, 8, [0, 0, *[3] * 7, 0, *[2] * 7]),
    "late text": Shape(16, 8, [2, 0, *[1] * 7, 1, *[1] * 7]),
    "no delays": Shape(16, 8, [0] * 17),
}


@torch.inference_mode()
def upstream(checkpoint: Checkpoint, frames: list[Samples]) -> list[tuple[tuple[int, ...], Samples]]:
    """Tokens and sound of upstream's own classes, greedy."""
    with no_compile():
        mimi = load_mimi(checkpoint)
        generator = LMGen(load_moshi(checkpoint, "cpu", torch.float32), use_sampling=False)
        mimi.streaming_forever(1)
        generator.streaming_forever(1)
        said = []
        for index, frame in enumerate(frames):
            codes = mimi.encode(torch.from_numpy(frame)[None, None])
            if index == 0:
                mimi.reset_streaming()
            if (tokens := generator.step(codes)) is not None:
                pcm = mimi.decode(tokens[:, 1:])[0, 0].numpy().copy()
                said.append((tuple(tokens[0, :, 0].tolist()), pcm))
        return said


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_what_upstream_says(name: str, tmp_path: Path) -> None:
    make(tmp_path, *SHAPES[name])
    frames = speech(40, FRAMES)
    theirs = upstream(find_checkpoint(str(tmp_path), None), frames)
    model = BatchedModel(find_checkpoint(str(tmp_path), None), 3, torch.device("cpu"), torch.float32)
    model.join(1, GREEDY)
    ours = [frame[1] for frame in (model.step({1: frame}) for frame in frames) if 1 in frame]
    assert [frame.tokens for frame in ours] == [tokens for tokens, _ in theirs]
    assert len({frame.tokens for frame in ours}) > FRAMES // 3
    for frame, (_, pcm) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(frame.pcm, pcm, rtol=0, atol=2e-6)


@pytest.mark.anyio
async def test_an_unusual_shape_converses_at_the_service(tmp_path: Path) -> None:
    make(tmp_path / "model", *SHAPES["says fewer codes than it hears"])
    with running_moshi(tmp_path, {"MOSHI_MODEL": str(tmp_path / "model"), "MOSHI_SLOTS": "1"}) as moshi:
        talk = await converse(moshi.chat, encode(noise(1.0)))
    assert talk.heard


EIGHT = Shape(8, 8, [0, 0, *[1] * 7])


@pytest.mark.parametrize("changes", [{}, {"model_type": None}])
def test_a_model_that_hears_nothing_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path, *EIGHT)
    config = json.loads((tmp_path / "config.json").read_text()) | changes
    config = {name: value for name, value in config.items() if value is not None or name != "model_type"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=r"n_q 8 and dep_q 8: the model says every stream and hears none") as caught:
        find_checkpoint(str(tmp_path), None)
    assert "\n" not in str(caught.value)


def test_a_personaplex_is_one_that_says_so(tmp_path: Path) -> None:
    make(tmp_path, *EIGHT, model_type="personaplex")
    checkpoint = find_checkpoint(str(tmp_path), None)
    assert checkpoint.kind == "personaplex"
    assert load_moshi(checkpoint, "cpu", torch.float32).dep_q == 4


def test_weights_with_another_number_of_steps_are_refused(tmp_path: Path) -> None:
    make(tmp_path, *SHAPES["long delays"])
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"dep_q": 7}))
    with pytest.raises(LoadError, match="declares dep_q 7, and its weights have 8 depformer steps"):
        find_checkpoint(str(tmp_path), None)


def test_a_mimi_with_too_few_codebooks_or_other_codes_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "few", *SHAPES["says fewer codes than it hears"], books=8)
    with pytest.raises(LoadError, match="says 6 and hears 10 codes a frame, and its Mimi has 8 codebooks"):
        find_checkpoint(str(tmp_path / "few"), None)
    make(tmp_path / "other", *SHAPES["long delays"], card=63)
    with pytest.raises(LoadError, match=r"does not fit config\.json \(emb\.0\.weight"):
        find_checkpoint(str(tmp_path / "other"), None)


def test_voices_and_roles_are_refused_for_more_than_eight_codes(tmp_path: Path) -> None:
    make(tmp_path, 20, 10, [0, 0, *[1] * 9, 0, *[1] * 9], model_type="personaplex")
    settings = Settings(model=str(tmp_path), device="cpu", slots=1)
    with pytest.raises(LoadError, match="predicts 10 and hears 10 codes a frame; voices and roles are made for 8"):
        load(settings, lambda phase, detail, progress: None)
