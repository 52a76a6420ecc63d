"""The engine with a model that answers each frame with itself."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_backend.engine import engine as engine_module
from moshi_backend.engine import warm_up
from moshi_backend.engine.engine import Engine, Loaded
from moshi_backend.engine.observer import EngineObserver, Report
from moshi_backend.engine.request import Answer
from moshi_backend.errors import LINE, LoadError
from moshi_backend.errors import checkpoints as errors
from moshi_backend.model.batch import Frame
from moshi_service.errors import Problem
from support.fakes import CHUNK, LETHAL, POISON, Caller, FakeModel, loaded, prompt, samples, settled, started

pytestmark = pytest.mark.anyio


def assigned(engine: Engine[Loaded], slot: int) -> Caller:
    caller = Caller()
    engine.assign(caller.request, slot)
    return caller


async def test_each_conversation_gets_its_own_answers() -> None:
    async with started(FakeModel()) as engine:
        first, second = assigned(engine, 0), assigned(engine, 1)
        engine.push(first.request, samples(1))
        engine.push(second.request, samples(2))
        assert [await first.answer(), await second.answer()] == [1, 2]


async def test_frames_that_came_during_a_step_share_the_next_one() -> None:
    model = FakeModel()
    async with started(model) as engine:
        first, second = assigned(engine, 0), assigned(engine, 1)
        model.gate.clear()
        engine.push(first.request, samples(1))
        await asyncio.sleep(0.05)  # the engine is now held in that step
        engine.push(first.request, samples(2))
        engine.push(second.request, samples(3))
        model.gate.set()
        assert [await first.answer(), await first.answer(), await second.answer()] == [1, 2, 3]
        assert model.batches == [[0], [0, 1]]


async def test_a_slot_is_joined_anew_by_each_conversation() -> None:
    model = FakeModel()
    async with started(model) as engine:
        for value in (1, 2):
            talk = assigned(engine, 1)
            for _ in range(2):
                engine.push(talk.request, samples(value))
                assert await talk.answer() == value
            engine.release(talk.request)
        assert model.joined == [1, 1]


async def test_an_answer_for_a_conversation_that_left_during_the_step_does_not_reach_its_successor() -> None:
    model = FakeModel()
    async with started(model) as engine:
        leaver = assigned(engine, 0)
        model.gate.clear()
        engine.push(leaver.request, samples(7))
        await asyncio.sleep(0.05)
        engine.release(leaver.request)
        successor = assigned(engine, 0)
        engine.push(successor.request, samples(8))
        model.gate.set()
        assert await successor.answer() == 8


async def test_releasing_twice_does_not_free_the_successors_slot() -> None:
    async with started(FakeModel()) as engine:
        leaver = assigned(engine, 0)
        engine.release(leaver.request)
        successor = assigned(engine, 0)
        engine.release(leaver.request)
        engine.push(successor.request, samples(1))
        assert await successor.answer() == 1


@pytest.mark.parametrize(("frame", "reason"), [(POISON, "device lost"), (LETHAL, "SystemExit: a library gave up")])
async def test_a_step_that_throws_tells_why_and_the_engine_recovers(frame: float, reason: str) -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[Problem] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        engine.push(assigned(engine, 0).request, samples(frame))
        async with asyncio.timeout(10):
            assert reason in (await failures.get()).text
        async with asyncio.timeout(10):
            while engine.health.status != "ready":
                await asyncio.sleep(0.001)
        talk = assigned(engine, 0)
        engine.push(talk.request, samples(1))
        assert await talk.answer() == 1


async def test_an_engine_that_cannot_recover_stays_failed_and_stops() -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[Problem] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.broken = True
        engine.push(assigned(engine, 0).request, samples(1))
        assert "a step failed: RuntimeError: device lost" in (await failures.get()).text
        assert "and so did the next" in (await failures.get()).text
        assert engine.health.status == "failed"
        assert "device lost" in engine.health.detail


async def test_a_step_that_hangs_fails_the_health_and_stopping_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "STALLED", 0.05)
    model = FakeModel()
    async with started(model) as engine:
        supervision = asyncio.create_task(engine.supervise())
        failures: asyncio.Queue[Problem] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.gate.clear()
        engine.push(assigned(engine, 0).request, samples(1))
        assert "has not returned" in (await failures.get()).text
        assert engine.health.status == "failed"
        supervision.cancel()
        async with asyncio.timeout(5):
            await engine.stop()


async def test_a_step_that_threw_does_not_count_as_hung_after_the_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "STALLED", 0.05)
    async with started(FakeModel()) as engine:
        failures: list[Problem] = []
        engine.on_failure = failures.append
        engine.push(assigned(engine, 0).request, samples(POISON))
        async with asyncio.timeout(10):
            while not failures or engine.health.status != "ready":
                await asyncio.sleep(0.001)
        supervision = asyncio.create_task(engine.supervise())
        await asyncio.sleep(1.2)  # it looks once a second
        supervision.cancel()
        assert (engine.health.status, len(failures)) == ("ready", 1)


class Recorder(EngineObserver):
    def __init__(self) -> None:
        self.phases: list[str] = []
        self.starts: list[str | None] = []
        self.steps: list[tuple[float, list[Answer]]] = []

    def phase(self, name: str, detail: str) -> None:
        self.phases.append(name)

    def started(self, failure: str | None) -> None:
        self.starts.append(failure)

    def stepped(self, seconds: float, answers: Sequence[Answer]) -> None:
        self.steps.append((seconds, list(answers)))

    async def start(self) -> str | None:
        """The outcome of the start, once it is reported."""
        async with asyncio.timeout(10):
            while not self.starts:
                await asyncio.sleep(0.001)
        [failure] = self.starts
        return failure


async def test_an_observer_learns_of_the_start_and_of_each_step() -> None:
    recorder = Recorder()
    async with started(FakeModel(), observer=recorder) as engine:
        assert await recorder.start() is None
        assert recorder.phases == ["load", "warm-up"]
        caller = assigned(engine, 0)
        engine.push(caller.request, samples(1))
        async with asyncio.timeout(10):
            answer = await caller.answers.get()
        [(seconds, answers)] = recorder.steps
        assert answers == [answer]
        assert (answer.step, answer.batch_size) == (seconds, 1)
        assert answer.lag >= seconds >= 0


async def test_an_observer_learns_why_a_start_failed() -> None:
    def load(report: Report) -> Loaded:
        raise LoadError(errors.folder_without_config("nowhere"))

    recorder = Recorder()
    engine = Engine(load, recorder)
    engine.start()
    assert await recorder.start() == "nowhere holds no config.json, so it is not a Moshi checkpoint"
    await engine.stop()


async def test_the_warm_up_reads_the_usual_prompt_twice() -> None:
    model = FakeModel()
    engine = Engine(lambda _report: loaded(model, warm_up_prompt=prompt(2 * CHUNK)), EngineObserver())
    engine.start()
    await settled(engine)
    await engine.stop()
    assert len(model.chunks) == 4


async def test_a_model_that_cannot_be_loaded_fails_the_health_in_that_phase() -> None:
    def load(report: Report) -> Loaded:
        report("resolve", "nowhere", None)
        raise LoadError(errors.folder_without_config("nowhere"))

    engine = Engine(load, EngineObserver())
    engine.start()
    await settled(engine)
    assert (engine.health.status, engine.health.phase) == ("failed", "resolve")
    assert engine.health.error == "folder-without-config"
    assert engine.health.detail == "nowhere holds no config.json, so it is not a Moshi checkpoint"
    await engine.stop()


@pytest.mark.parametrize("where", ["loading", "first steps"])
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
        return loaded(Broken())

    with caplog.at_level("DEBUG", "moshi_backend"):
        engine = Engine(load, EngineObserver())
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
    """A step takes 28 ms for each slot."""

    def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        time.sleep(0.028 * len(frames))
        return super().step(frames)


async def test_automatic_slots_are_as_many_as_can_be_stepped_in_time() -> None:
    async with started(SlowModel(slots=7), fixed_slots=False) as engine:
        assert engine.slots == 2
        assert "2 slots" in engine.health.detail
    async with started(SlowModel(slots=3), fixed_slots=False) as engine:
        assert engine.slots == 2


async def test_one_slot_is_left_where_no_step_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "AFFORDABLE", 0.02)
    for slots in (1, 4):
        async with started(SlowModel(slots), fixed_slots=False) as engine:
            assert engine.slots == 1
            assert "too slow for real time" in engine.health.detail


async def test_slots_that_were_asked_for_stay_and_their_pace_is_told() -> None:
    async with started(SlowModel(slots=4), fixed_slots=True) as engine:
        assert engine.slots == 4
        assert "too slow for real time" in engine.health.detail
