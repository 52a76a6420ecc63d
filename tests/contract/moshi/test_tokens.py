"""The tests' random model gives the recorded tokens: of upstream's codec, of upstream's own classes, and of our engine.

A trial of another Moshi release runs this (tools/vendoring/update.py). After a change that is meant to alter tokens,
such as other weights, `.venv/bin/python tests/contract/moshi/test_tokens.py` records them again.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from moshi.models import LMGen
from numpy.typing import NDArray

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.loaders import load_mimi, load_moshi
from moshi_backend.model.sampling import SamplingParams, TokenSampling

MODEL = Path(__file__).parents[2] / "fixtures" / "random_model"
"""It answers every frame with other tokens. The demo model says nothing while it hears a sound."""
RECORDED = Path(__file__).with_name("golden_tokens.json")
FRAMES = 60
FRAME = 1920
type Tokens = list[list[int]]


def sound() -> NDArray[np.float32]:
    """Noise of wandering loudness, always the same, [FRAMES, FRAME]."""
    generator = np.random.default_rng(40)
    level = np.abs(np.sin(np.arange(FRAMES) * 0.37))[:, None] * 0.4
    noise: NDArray[np.float64] = generator.standard_normal((FRAMES, FRAME)) * level
    return np.asarray(noise.clip(-1, 1), np.float32)


def codes(checkpoint: Checkpoint) -> Tokens:
    mimi = load_mimi(checkpoint)
    mimi.streaming_forever(1)
    return [mimi.encode(torch.from_numpy(frame)[None, None])[0, :, 0].tolist() for frame in sound()]


def upstream(checkpoint: Checkpoint) -> Tokens:
    mimi = load_mimi(checkpoint)
    generator = LMGen(load_moshi(checkpoint, "cpu", torch.float32), use_sampling=False)
    mimi.streaming_forever(1)
    generator.streaming_forever(1)
    said = []
    for index, frame in enumerate(sound()):
        found = mimi.encode(torch.from_numpy(frame)[None, None])
        if index == 0:
            mimi.reset_streaming()
        said.append(generator.step(found))
    return [tokens[0, :, 0].tolist() for tokens in said if tokens is not None]


def engine(checkpoint: Checkpoint) -> Tokens:
    model = BatchedModel(checkpoint, 2, torch.device("cpu"), torch.float32)
    model.join(1, SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0)))
    return [list(answer[1].tokens) for frame in sound() if 1 in (answer := model.step({1: frame}))]


PARTS: tuple[Callable[[Checkpoint], Tokens], ...] = (codes, upstream, engine)


def difference(before: Tokens, after: Tokens) -> str:
    """How two lists of frames differ, in a line; nothing if they do not."""
    if len(before) != len(after):
        return f"{len(after)} frames, not {len(before)}"
    frames = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    if not frames:
        return ""
    old, new = before[frames[0]], after[frames[0]]
    places = ", ".join(str(place) for place, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
    return (
        f"{len(frames)} of {len(after)} frames differ, the first is {frames[0]}, in tokens {places}: {old} became {new}"
    )


@torch.inference_mode()
@pytest.mark.parametrize("part", PARTS)
def test_the_random_models_tokens_are_the_recorded_ones(part: Callable[[Checkpoint], Tokens]) -> None:
    recorded = json.loads(RECORDED.read_text())[part.__name__]
    assert len({*map(tuple, recorded)}) > 20, "frames that hardly differ prove nothing"
    if found := difference(recorded, part(find_checkpoint(str(MODEL), None))):
        pytest.fail(found)


def test_a_difference_says_how_many_frames_and_where_the_first_is() -> None:
    before = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert difference(before, [list(frame) for frame in before]) == ""
    assert difference(before, [[1, 2, 3], [4, 0, 0], [7, 8, 0]]) == (
        "2 of 3 frames differ, the first is 1, in tokens 1, 2: [4, 5, 6] became [4, 0, 0]"
    )
    assert difference(before, before[:2]) == "2 frames, not 3"


if __name__ == "__main__":
    with torch.inference_mode():
        found = {part.__name__: part(find_checkpoint(str(MODEL), None)) for part in PARTS}
    lines = (f'  "{name}": [\n    ' + ",\n    ".join(map(str, frames)) + "\n  ]" for name, frames in found.items())
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
