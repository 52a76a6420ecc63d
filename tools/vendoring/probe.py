"""Writes down what the tests' random model says with whichever Moshi is on the path. `trial` runs it as a process.

`python -P probe.py FOLDER` leaves `said.json` and the sound there. Three parts, each of which may fail alone: the codes
of upstream's codec; greedy tokens of upstream's own classes, used as its server does; greedy tokens of our engine.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

MODEL = Path(__file__).parents[2] / "tests" / "fixtures" / "random_model"
"""It answers every frame with other tokens. The demo model says nothing while it hears a sound."""

FRAMES = 60
FRAME = 1920
type Part = tuple[list[list[int]], NDArray[np.float32]]


def sound() -> NDArray[np.float32]:
    """The same noise of wandering loudness for every release, [FRAMES, FRAME]."""
    generator = np.random.default_rng(40)
    level = np.abs(np.sin(np.arange(FRAMES) * 0.37))[:, None] * 0.4
    noise: NDArray[np.float64] = generator.standard_normal((FRAMES, FRAME)) * level
    return np.asarray(noise.clip(-1, 1), np.float32)


def codes(checkpoint: Any, frames: NDArray[np.float32]) -> Part:
    mimi = checkpoint.get_mimi("cpu")
    mimi.streaming_forever(1)
    found = [mimi.encode(torch.from_numpy(frame)[None, None])[0, :, 0].tolist() for frame in frames]
    return found, np.zeros(0, np.float32)


def upstream(checkpoint: Any, frames: NDArray[np.float32]) -> Part:
    from moshi.models import LMGen

    mimi = checkpoint.get_mimi("cpu")
    generator = LMGen(checkpoint.get_moshi("cpu", dtype=torch.float32), use_sampling=False)
    mimi.streaming_forever(1)
    generator.streaming_forever(1)
    said, heard = [], []
    for index, frame in enumerate(frames):
        found = mimi.encode(torch.from_numpy(frame)[None, None])
        if index == 0:
            mimi.reset_streaming()
        tokens = generator.step(found)
        if tokens is not None:
            said.append(tokens[0, :, 0].tolist())
            heard.append(mimi.decode(tokens[:, 1:])[0, 0].numpy().copy())
    return said, np.concatenate(heard)


def engine(checkpoint: Any, frames: NDArray[np.float32]) -> Part:
    from moshi_backend.model.batch import BatchedModel
    from moshi_backend.model.sampling import Choice, Sampling

    model = BatchedModel(checkpoint, 2, torch.device("cpu"), torch.float32)
    model.join(1, Sampling(Choice(0, 0), Choice(0, 0)))
    answers = [answer[1] for frame in frames if 1 in (answer := model.step({1: frame}))]
    return [list(answer.tokens) for answer in answers], np.concatenate([answer.pcm for answer in answers])


PARTS: tuple[Callable[[Any, NDArray[np.float32]], Part], ...] = (codes, upstream, engine)


@torch.inference_mode()
def main(folder: Path) -> None:
    from moshi_backend.checkpoint import find_checkpoint

    torch.set_num_threads(1)
    said: dict[str, Any] = {}
    for part in PARTS:
        try:
            tokens, pcm = part(find_checkpoint(str(MODEL), None), sound())
        except Exception as error:  # whatever a release that does not fit raises
            said[part.__name__] = f"{type(error).__name__}: {error}"
        else:
            said[part.__name__] = tokens
            np.save(folder / f"{part.__name__}.npy", pcm)
    (folder / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
