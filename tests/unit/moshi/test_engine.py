"""The engine with a model that says what it was given."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_backend.engine import Engine, Loaded, Refused, Report
from moshi_backend.model import BatchedModel, Frame
from moshi_backend.protocol import Close
from moshi_backend.session import End

pytestmark = pytest.mark.anyio

SLOTS = 2


class FakeModel:
    """Answers each frame with itself. Fails when it is given a frame of `POISON`."""

    POISON = 13.0
    frame_size = 4

    def __init__(self) -> None:
        self.joined: list[int] = []
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def join(self, row: int) -> None:
        self.joined.append(row)

    def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        assert self.gate.wait(10)
        self.batches.append(sorted(frames))
        if any((samples == self.POISON).any() for samples in frames.values()):
            raise RuntimeError("device lost")
        return {row: Frame(samples, "") for row, samples in frames.items()}


def samples(value: float) -> NDArray[np.float32]:
    return np.full(FakeModel.frame_size, value, np.float32)


@asynccontextmanager
async def started(model: FakeModel) -> AsyncIterator[Engine]:
    def load(report: Report) -> Loaded:
        report("load", "a fake")
        return Loaded(cast("BatchedModel", model), "cpu", "float32")

    engine = Engine(load, SLOTS)
    engine.start()
    async with asyncio.timeout(10):
        while engine.health.status == "starting":
            await asyncio.sleep(0.001)
    model.batches.clear()
    try:
        yield engine
    finally:
        model.gate.set()
        await engine.stop()


async def test_each_conversation_gets_its_own_answers() -> None:
    async with started(FakeModel()) as engine:
        first, second = engine.open(), engine.open()
        assert {first.slot, second.slot} == {0, 1}
        engine.push(first, samples(1))
        engine.push(second, samples(2))
        for session, value in ((first, 1), (second, 2)):
            answer = await session.outbox.get()
            assert isinstance(answer, Frame)
            assert answer.pcm[0] == value


async def test_frames_that_came_during_a_tick_share_the_next_one() -> None:
    model = FakeModel()
    async with started(model) as engine:
        first, second = engine.open(), engine.open()
        model.gate.clear()
        engine.push(first, samples(1))
        await asyncio.sleep(0.05)  # the engine is now held in that tick
        engine.push(first, samples(2))
        engine.push(second, samples(3))
        model.gate.set()
        await first.outbox.get()
        await first.outbox.get()
        await second.outbox.get()
        assert model.batches == [[first.slot], [0, 1]]


async def test_one_too_many_is_refused_and_a_freed_slot_is_joined_anew() -> None:
    model = FakeModel()
    async with started(model) as engine:
        sessions = [engine.open() for _ in range(SLOTS)]
        with pytest.raises(Refused, match="all 2 slots"):
            engine.open()
        for session in sessions:
            engine.push(session, samples(1))
            await session.outbox.get()
        engine.close(sessions[0])
        newcomer = engine.open()
        assert newcomer.slot == sessions[0].slot
        engine.push(newcomer, samples(1))
        await newcomer.outbox.get()
        assert model.joined.count(newcomer.slot) == 2


async def test_an_answer_for_a_conversation_that_left_during_the_tick_does_not_reach_its_successor() -> None:
    model = FakeModel()
    async with started(model) as engine:
        leaver = engine.open()
        model.gate.clear()
        engine.push(leaver, samples(7))
        await asyncio.sleep(0.05)
        engine.close(leaver)
        successor = engine.open()
        assert successor.slot == leaver.slot
        engine.push(successor, samples(8))
        model.gate.set()
        answer = await successor.outbox.get()
        assert isinstance(answer, Frame)
        assert answer.pcm[0] == 8


async def test_closing_twice_does_not_free_the_successors_slot() -> None:
    async with started(FakeModel()) as engine:
        leaver = engine.open()
        engine.close(leaver)
        engine.open()
        engine.close(leaver)
        assert engine.used == 1


async def test_a_tick_that_throws_ends_every_conversation_with_the_reason_and_fails_the_health() -> None:
    async with started(FakeModel()) as engine:
        first, second = engine.open(), engine.open()
        engine.push(first, samples(FakeModel.POISON))
        for session in (first, second):
            end = await session.outbox.get()
            assert isinstance(end, End)
            assert end.code is Close.ENGINE_FAILED
            assert "device lost" in end.reason
        assert engine.health.status == "failed"
        assert "device lost" in engine.health.detail
        with pytest.raises(Refused, match="failed"):
            engine.open()


async def test_a_model_that_cannot_be_loaded_fails_the_health_in_that_phase() -> None:
    def load(report: Report) -> Loaded:
        report("resolve", "nowhere")
        raise ValueError("nowhere holds no config.json")

    engine = Engine(load, SLOTS)
    engine.start()
    async with asyncio.timeout(10):
        while engine.health.status == "starting":
            await asyncio.sleep(0.001)
    assert (engine.health.status, engine.health.phase) == ("failed", "resolve")
    assert "config.json" in engine.health.detail
    await engine.stop()


async def test_draining_ends_the_live_and_takes_no_new() -> None:
    async with started(FakeModel()) as engine:
        session = engine.open()
        engine.drain()
        end = await session.outbox.get()
        assert isinstance(end, End)
        assert end.code is Close.GOING_AWAY
        with pytest.raises(Refused, match="draining"):
            engine.open()
