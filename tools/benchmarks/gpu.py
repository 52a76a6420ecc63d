"""The whole step of the 7B model on a GPU: how many conversations it holds, and how far from what the memory allows.

The weights are random, made on the device: nothing is downloaded, and the time does not depend on what they say. Each
step reads the whole window of every conversation, as after four minutes, with random numbers in it. The floor is the
time that the memory needs to deliver each weight once and each window once, at the speed at which this device copies.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import cast

import numpy as np
import torch

from loadtest.machine import machine
from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.checkpoint.shape import language_model_config, mimi_config
from moshi_backend.errors import LoadError
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.capacity import DoesNotFit
from moshi_backend.model.device import NoSuchGPU, choose_device, choose_dtype
from moshi_backend.model.kernels.selfcheck import try_kernels
from moshi_backend.model.plan import Plan

DEADLINE = 70.0
"""Milliseconds in which 99 of 100 steps are to end, of the 80 that a frame lasts."""

WARM_UP = 5


@dataclass(frozen=True)
class Row:
    """So many conversations, in one way of running the step. Milliseconds."""

    way: str
    conversations: int
    p50: float
    p99: float
    floor: float | None

    @property
    def held(self) -> bool:
        """Whether steps end before the deadline."""
        return self.p99 <= DEADLINE

    def __str__(self) -> str:
        floor = "" if self.floor is None else f"   floor {self.floor:6.2f} ms, {self.p50 / self.floor:.2f} times that"
        late = "" if self.held else f"   over {DEADLINE:.0f} ms"
        return f"{self.way:9} B={self.conversations:<3} p50 {self.p50:7.2f}   p99 {self.p99:7.2f} ms{floor}{late}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and return the exit code: 0 measured, 2 wrong usage, 3 no such device or too little memory."""
    parser = argparse.ArgumentParser(prog="tools/bench gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="as MOSHI_DEVICE (%(default)s)")
    parser.add_argument("--model", default="7b", help="7b: the released architecture; or as MOSHI_MODEL (%(default)s)")
    parser.add_argument("--slots", type=int, help="the most conversations to try; as many as fit, if left out")
    parser.add_argument("--kv", choices=("auto", "int8"), default="auto", help="as MOSHI_KV (%(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="for each number of conversations (%(default)s)")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    given = parser.parse_args(argv)
    try:
        device = choose_device(given.device)
        checkpoint = full_size() if given.model == "7b" else find_checkpoint(given.model, None)
        ways = ("captured", "eager") if device.type == "cuda" else ("eager",)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        speed = copying_speed(device) if device.type == "cuda" else None  # before the model takes the memory
        kernels = try_kernels(device, choose_dtype("auto", device), wanted=True)
        plan = Plan(eight_bit_kv=given.kv == "int8", kernels=kernels.kernels)
        rows: list[Row] = []
        sizes: dict[str, object] = {}
        slots = given.slots
        for way in ways:
            # The model before has to be gone before the next one is made: there is room for one.
            gc.collect()
            torch.cuda.empty_cache()
            measured, sizes = measure(checkpoint, device, plan, slots, given.steps, way, speed)
            rows += measured
            slots = measured[-1].conversations
    except (LoadError, NoSuchGPU, DoesNotFit) as error:
        print(f"tools/bench gpu: {error}", file=sys.stderr)
        return 3
    except torch.cuda.OutOfMemoryError:
        print("tools/bench gpu: the device's memory ran out: set a smaller --slots", file=sys.stderr)
        return 3
    ran = {"machine": machine(), "device": name(device), "torch": torch.__version__, "model": given.model}
    report = {**ran, "kv": given.kv, "kernels": str(kernels), **sizes}
    print(table(report, rows))
    if given.output:
        given.output.write_text(json.dumps({**report, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    return 0


def full_size() -> Checkpoint:
    """The released architecture without weights, for which upstream's loaders make random ones on the device.

    The tokenizer is the demo's: which words the numbers stand for takes no time.
    """
    nothing = cast(Path, None)
    demo = Path(str(resources.files("moshi_backend") / "demo"))
    names = json.loads((demo / "config.json").read_text())
    return Checkpoint(
        kind="moshi",
        commit=None,
        moshi_weights=nothing,
        mimi_weights=nothing,
        tokenizer=demo / names["tokenizer_name"],
        voices=None,
        adapters=None,
        lm_config=language_model_config({}, "moshi"),
        mimi_config=mimi_config(None),
        lm_gen_config={},
    )


def measure(
    checkpoint: Checkpoint,
    device: torch.device,
    plan: Plan,
    slots: int | None,
    steps: int,
    way: str,
    speed: float | None,
) -> tuple[list[Row], dict[str, object]]:
    """Every number of conversations that has a graph of its own, and what they weigh.

    Args:
        speed: bytes a second that the device's memory moves.
    Raises:
        DoesNotFit: the model does not fit.
    """
    model = BatchedModel(checkpoint, slots, device, choose_dtype("auto", device), plan, cuda_graphs=way == "captured")
    rows = []
    for conversations in model.batch_sizes:
        for slot in range(conversations):
            model.join(slot, model.sampling)
            model.fill_window(slot)
        p50, p99 = np.percentile(times(model, conversations, steps), (50, 99))
        moved = model.weight_bytes + conversations * model.slot_bytes
        floor = None if speed is None else moved / speed * 1000
        rows.append(Row(way, conversations, float(p50), float(p99), floor))
        print(rows[-1], file=sys.stderr, flush=True)  # should the next size fail, this one was not in vain
    sizes: dict[str, object] = {
        "weight_bytes": model.weight_bytes,
        "slot_bytes": model.slot_bytes,
        "slots": model.slots,
        "bytes_per_second": speed,
    }
    return rows, sizes


def times(model: BatchedModel, conversations: int, steps: int) -> list[float]:
    """Milliseconds from the samples' leaving the host until their answers are there."""
    speech = (np.random.default_rng(0).standard_normal(model.frame_size) * 0.1).astype(np.float32)
    frames = dict.fromkeys(range(conversations), speech)
    measured = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        model.step(frames)
        measured.append((time.perf_counter() - began) * 1000)
    return measured[WARM_UP:]


def copying_speed(device: torch.device) -> float:
    """Bytes a second that the device's memory reads and writes in a long copy, together."""
    source = torch.empty(2**30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(10):
        began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        began.record()
        target.copy_(source)
        ended.record()
        ended.synchronize()
        best = max(best, 2 * source.nbytes / (began.elapsed_time(ended) / 1000))
    return best


def name(device: torch.device) -> str:
    """Of the GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def table(report: dict[str, object], rows: Sequence[Row]) -> str:
    """For people."""
    weights, window = (int(str(report[key])) / 1e6 for key in ("weight_bytes", "slot_bytes"))
    lines = [
        f"{report['model']} on {report['device']}, torch {report['torch']}, {report['slots']} slots",
        f"keys and values: {report['kv']}; the service's own kernels: {report['kernels']}",
        f"a step moves {weights:,.0f} MB of weights, and {window:,.1f} MB for each conversation",
    ]
    if report["bytes_per_second"] is not None:
        lines.append(f"the memory moves {float(str(report['bytes_per_second'])) / 1e12:.2f} TB/s")
    lines += map(str, rows)
    for way in dict.fromkeys(row.way for row in rows):
        held = max((row.conversations for row in rows if row.way == way and row.held), default=0)
        lines.append(f"{way}: {held} conversations with p99 at most {DEADLINE:.0f} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
