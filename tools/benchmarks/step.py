"""One step of the demo model or another, ours against upstream's own classes, in turn in one process.

Upstream's is what its server does for each frame: `mimi.encode`, `LMGen.step`, `mimi.decode`; on a CPU without
compiling, which makes so small a model slower. The ratio holds when the machine's speed drifts.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from moshi.models import LMGen
from moshi.utils.compile import no_compile
from numpy.typing import NDArray

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.device import choose_device, choose_dtype
from moshi_backend.model.loaders import load_mimi, load_moshi

WARM_UP = 10

type Step = Callable[[], object]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench step", description=__doc__)
    parser.add_argument("--model", default="demo", help="as MOSHI_MODEL (%(default)s)")
    parser.add_argument("--device", default="auto", help="as MOSHI_DEVICE (%(default)s)")
    parser.add_argument("--conversations", type=int, nargs="+", default=[1, 4, 16], metavar="N")
    parser.add_argument("--steps", type=int, default=200, help="of each (%(default)s)")
    given = parser.parse_args(argv)
    device = choose_device(given.device)
    dtype = choose_dtype("auto", device)
    checkpoint = find_checkpoint(given.model, None)
    print(f"{given.model} on {device}, {dtype}, torch {torch.__version__}, {given.steps} steps each")
    for conversations in given.conversations:
        with no_compile():
            pair = ours(checkpoint, conversations, device, dtype), upstream(checkpoint, conversations, device, dtype)
            times = in_turn(pair, given.steps)
        (our, our_slow), (their, their_slow) = np.percentile(times, (50, 99), axis=1).T
        print(
            f"B={conversations:<3} ours p50 {our:6.2f} p99 {our_slow:6.2f} ms   "
            f"upstream p50 {their:6.2f} p99 {their_slow:6.2f} ms   "
            f"{np.median(times[1] / times[0]):.2f} times as fast"
        )
    return 0


def in_turn(pair: Sequence[Step], steps: int) -> NDArray[np.float64]:
    """Milliseconds of each step, [who, step]."""
    times = np.zeros((len(pair), WARM_UP + steps))
    for index in range(WARM_UP + steps):
        for who, step in enumerate(pair):
            began = time.perf_counter()
            step()
            times[who, index] = (time.perf_counter() - began) * 1000
    return times[:, WARM_UP:]


def ours(checkpoint: Checkpoint, conversations: int, device: torch.device, dtype: torch.dtype) -> Step:
    """One step of our engine's model, for so many conversations."""
    model = BatchedModel(checkpoint, conversations, device, dtype)
    for slot in range(conversations):
        model.join(slot, model.sampling)
    frames = dict.fromkeys(range(conversations), _speech(model.frame_size))
    return lambda: model.step(frames)


def upstream(checkpoint: Checkpoint, conversations: int, device: torch.device, dtype: torch.dtype) -> Step:
    """One step of upstream's own classes, for so many conversations."""
    mimi = load_mimi(checkpoint, device)
    generator = LMGen(load_moshi(checkpoint, device, dtype), **checkpoint.lm_gen_config)
    mimi.streaming_forever(conversations)
    generator.streaming_forever(conversations)
    frame = torch.from_numpy(_speech(mimi.frame_size)).expand(conversations, 1, -1).to(device)

    @torch.inference_mode()
    def step() -> object:
        tokens = generator.step(mimi.encode(frame))
        return None if tokens is None else mimi.decode(tokens[:, 1:]).cpu()

    return step


def _speech(frame_size: int) -> NDArray[np.float32]:
    return (np.random.default_rng(0).standard_normal(frame_size) * 0.1).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
