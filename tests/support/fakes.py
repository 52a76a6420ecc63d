"""A model that answers each frame with itself, an engine around it, and callers of the engine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from moshi_backend.conversation.session import Session
from moshi_backend.engine.engine import Engine, Loaded
from moshi_backend.engine.observer import EngineObserver, Report
from moshi_backend.engine.request import Answer, PrefillProgress, Request
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.prompt import DelayPattern, Prompt, PromptStart
from moshi_backend.model.sampling import SamplingParams, TokenSampling

POISON = 13.0
"""A frame of this makes a step throw."""

LETHAL = 14.0
"""A frame of this makes a step raise SystemExit."""

SLOTS = 2

CHUNK = 10
"""Positions that a FakeModel reads at once."""

PATTERN = DelayPattern((0, 0, 1, 0, 1), 9, 9, 3, model_codebooks=2)


@dataclass
class Reading:
    """As model.prefill.Prefill."""

    total: int
    done: int = 0
    last: int = 0
    cached: bool = False


class FakeModel:
    """`broken` makes every step throw. Steps and chunks wait for the gate."""

    device = "cpu"
    frame_size = 4
    sampling = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))

    def __init__(self, slots: int = SLOTS) -> None:
        self.slots = slots
        self.batch_sizes = list(range(1, slots + 1))
        self.joined: list[int] = []
        self.batches: list[list[int]] = []
        self.prefills: dict[int, Reading] = {}
        self.chunks: list[int] = []
        self.broken = False
        self.full: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def join(self, row: int, sampling: SamplingParams, prompt: Prompt | None = None) -> None:
        self.joined.append(row)
        self.prefills[row] = Reading(prompt.steps if prompt else 0)

    def fill_window(self, row: int) -> None:
        self.full.append(row)

    def prefill(self, row: int, positions: int) -> Reading:
        assert self.gate.wait(10)
        if self.broken:
            raise RuntimeError("device lost")
        reading = self.prefills[row]
        reading.last = min(reading.total - reading.done, CHUNK, positions)
        reading.done += reading.last
        self.chunks.append(row)
        return reading

    def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        assert self.gate.wait(10)
        self.batches.append(sorted(frames))
        if self.broken or any((samples == POISON).any() for samples in frames.values()):
            raise RuntimeError("device lost")
        if any((samples == LETHAL).any() for samples in frames.values()):
            raise SystemExit("a library gave up")
        return {row: Frame(samples, ()) for row, samples in frames.items()}


def samples(value: float) -> NDArray[np.float32]:
    return np.full(FakeModel.frame_size, value, np.float32)


def session(prompt: Prompt | None = None) -> Session:
    return Session(FakeModel.sampling, prompt=prompt)


@dataclass
class Caller:
    """A request, and the results that the engine called it back with."""

    prompt: Prompt | None = None
    answers: asyncio.Queue[Answer] = field(default_factory=asyncio.Queue)
    progress: asyncio.Queue[PrefillProgress] = field(default_factory=asyncio.Queue)
    request: Request = field(init=False)

    def __post_init__(self) -> None:
        self.request = Request(FakeModel.sampling, self.prompt, self.progress.put_nowait, self.answers.put_nowait)

    async def answer(self) -> float:
        """The first sample of the next answer."""
        async with asyncio.timeout(10):
            frame = (await self.answers.get()).frame
        assert frame is not None
        return float(frame.pcm[0])


def prompt(steps: int) -> Prompt:
    frames = np.zeros((steps, len(PATTERN.delays)), np.int64)
    return Prompt.of(PATTERN, PromptStart(PATTERN.initial()), None, [], [frames])


def loaded(model: FakeModel, fixed_slots: bool = True, warm_up_prompt: Prompt | None = None) -> Loaded:
    return Loaded(cast("BatchedModel", model), fixed_slots, warm_up_prompt)


@asynccontextmanager
async def started(
    model: FakeModel, fixed_slots: bool = True, observer: EngineObserver | None = None
) -> AsyncIterator[Engine[Loaded]]:
    def load(report: Report) -> Loaded:
        report("load", "a fake", None)
        return loaded(model, fixed_slots)

    engine = Engine(load, observer or EngineObserver())
    engine.start()
    await settled(engine)
    model.batches.clear()
    model.joined.clear()
    model.chunks.clear()
    try:
        yield engine
    finally:
        model.gate.set()
        await engine.stop()


async def settled(engine: Engine[Loaded]) -> None:
    async with asyncio.timeout(10):
        while engine.health.status == "starting":
            await asyncio.sleep(0.001)
