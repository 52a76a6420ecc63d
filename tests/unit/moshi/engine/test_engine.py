"""The engine with a model that says what it was given."""

import asyncio
import time
from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_backend.conversation.session import Session
from moshi_backend.engine import engine as engine_module
from moshi_backend.engine.engine import Engine, Loaded, Report
from moshi_backend.errors import LINE, LoadError
from moshi_backend.model.batch import BatchedModel, Frame
from support.fakes import LETHAL, NOTHING_TO_CHOOSE, POISON, FakeModel, samples, session, settled, started

pytestmark = pytest.mark.anyio


def seated(engine: Engine, row: int) -> Session:
    talk = session()
    engine.seat(talk, row)
    return talk


async def answer(talk: Session) -> float:
    item = await talk.outbox.get()
    assert isinstance(item, Frame)
    return float(item.pcm[0])


async def test_each_conversation_gets_its_own_answers() -> None:
    async with started(FakeModel()) as engine:
        first, second = seated(engine, 0), seated(engine, 1)
        engine.push(first, samples(1))
        engine.push(second, samples(2))
        assert [await answer(first), await answer(second)] == [1, 2]


async def test_frames_that_came_during_a_tick_share_the_next_one() -> None:
    model = FakeModel()
    async with started(model) as engine:
        first, second = seated(engine, 0), seated(engine, 1)
        model.gate.clear()
        engine.push(first, samples(1))
        await asyncio.sleep(0.05)  # the engine is now held in that tick
        engine.push(first, samples(2))
        engine.push(second, samples(3))
        model.gate.set()
        assert [await answer(first), await answer(first), await answer(second)] == [1, 2, 3]
        assert model.batches == [[0], [0, 1]]


async def test_a_row_is_joined_anew_by_each_conversation() -> None:
    model = FakeModel()
    async with started(model) as engine:
        for value in (1, 2):
            talk = seated(engine, 1)
            for _ in range(2):
                engine.push(talk, samples(value))
                assert await answer(talk) == value
            engine.unseat(talk)
        assert model.joined == [1, 1]


async def test_an_answer_for_a_conversation_that_left_during_the_tick_does_not_reach_its_successor() -> None:
    model = FakeModel()
    async with started(model) as engine:
        leaver = seated(engine, 0)
        model.gate.clear()
        engine.push(leaver, samples(7))
        await asyncio.sleep(0.05)
        engine.unseat(leaver)
        successor = seated(engine, 0)
        engine.push(successor, samples(8))
        model.gate.set()
        assert await answer(successor) == 8


async def test_unseating_twice_does_not_free_the_successors_row() -> None:
    async with started(FakeModel()) as engine:
        leaver = seated(engine, 0)
        engine.unseat(leaver)
        successor = seated(engine, 0)
        engine.unseat(leaver)
        engine.push(successor, samples(1))
        assert await answer(successor) == 1


@pytest.mark.parametrize(("frame", "reason"), [(POISON, "device lost"), (LETHAL, "SystemExit: a library gave up")])
async def test_a_tick_that_throws_tells_why_and_the_engine_recovers(frame: float, reason: str) -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[str] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        engine.push(seated(engine, 0), samples(frame))
        async with asyncio.timeout(10):
            assert reason in await failures.get()
        async with asyncio.timeout(10):
            while engine.health.status != "ready":
                await asyncio.sleep(0.001)
        talk = seated(engine, 0)
        engine.push(talk, samples(1))
        assert await answer(talk) == 1


async def test_an_engine_that_cannot_recover_stays_failed_and_stops() -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[str] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.broken = True
        engine.push(seated(engine, 0), samples(1))
        assert "a tick failed: RuntimeError: device lost" in await failures.get()
        assert "and so did the next" in await failures.get()
        assert engine.health.status == "failed"
        assert "device lost" in engine.health.detail


async def test_a_tick_that_hangs_fails_the_health_and_stopping_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "STALLED", 0.05)
    model = FakeModel()
    async with started(model) as engine:
        supervision = asyncio.create_task(engine.supervise())
        failures: asyncio.Queue[str] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.gate.clear()
        engine.push(seated(engine, 0), samples(1))
        assert "has not returned" in await failures.get()
        assert engine.health.status == "failed"
        supervision.cancel()
        async with asyncio.timeout(5):
            await engine.stop()


async def test_a_model_that_cannot_be_loaded_fails_the_health_in_that_phase() -> None:
    def load(report: Report) -> Loaded:
        report("resolve", "nowhere", None)
        raise LoadError("nowhere holds no config.json")

    engine = Engine(load)
    engine.start()
    await settled(engine)
    assert (engine.health.status, engine.health.phase) == ("failed", "resolve")
    assert engine.health.detail == "nowhere holds no config.json"
    await engine.stop()


@pytest.mark.parametrize("where", ["loading", "first ticks"])
async def test_a_failure_that_nobody_foresaw_is_one_line_too(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its traceback is for the debug log."""

    def fail() -> None:
        raise RuntimeError("size mismatch\n" * 400)

    class Broken(FakeModel):
        def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
            fail()
            return {}

    def load(report: Report) -> Loaded:
        if where == "loading":
            fail()
        return Loaded(cast("BatchedModel", Broken()), "cpu", "float32", None, True, NOTHING_TO_CHOOSE)

    with caplog.at_level("DEBUG", "moshi_backend"):
        engine = Engine(load)
        engine.start()
        await settled(engine)
    detail = engine.health.detail
    assert detail.startswith("the model failed in phase ")
    assert "RuntimeError: size mismatch size mismatch" in detail
    assert "\n" not in detail
    assert len(detail) <= LINE
    assert {record.levelname for record in caplog.records if record.exc_info} == {"DEBUG"}
    assert all("\n" not in record.getMessage() for record in caplog.records)
    await engine.stop()


class SlowModel(FakeModel):
    """A tick takes 28 ms for each row."""

    def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        time.sleep(0.028 * len(frames))
        return super().step(frames)


async def test_automatic_slots_are_as_many_as_can_be_stepped_in_time() -> None:
    async with started(SlowModel(slots=7), chosen=False) as engine:
        assert engine.slots == 2
        assert "2 slots" in engine.health.detail
    async with started(SlowModel(slots=3), chosen=False) as engine:
        assert engine.slots == 2


async def test_one_slot_is_left_where_no_tick_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "AFFORDABLE", 0.02)
    for slots in (1, 4):
        async with started(SlowModel(slots), chosen=False) as engine:
            assert engine.slots == 1
            assert "too slow for real time" in engine.health.detail


async def test_slots_that_were_asked_for_stay_and_their_pace_is_told() -> None:
    async with started(SlowModel(slots=4), chosen=True) as engine:
        assert engine.slots == 4
        assert "too slow for real time" in engine.health.detail
