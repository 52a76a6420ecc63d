"""The engine reads prompts in chunks, with a model that answers each frame with itself."""

import asyncio

import pytest

from moshi_service.errors import Problem
from support.fakes import CHUNK, Caller, FakeModel, prompt, samples, started

pytestmark = pytest.mark.anyio


async def test_progress_is_reported_after_each_chunk() -> None:
    model = FakeModel()
    async with started(model) as engine:
        caller = Caller(prompt(3 * CHUNK - 5))
        engine.assign(caller.request, 0)
        async with asyncio.timeout(5):
            reports = [await caller.progress.get() for _ in range(3)]
        assert [report.done for report in reports] == [CHUNK, 2 * CHUNK, 3 * CHUNK - 5]
        assert {report.total for report in reports} == {3 * CHUNK - 5}
        assert [report.left == 0 for report in reports] == [False, False, True]
        assert not any(report.cached for report in reports)


async def test_a_chunk_that_throws_ends_the_conversation_with_the_reason() -> None:
    model = FakeModel()
    async with started(model) as engine:
        failures: asyncio.Queue[Problem] = asyncio.Queue()
        engine.on_failure = failures.put_nowait
        model.broken = True
        engine.assign(Caller(prompt(CHUNK)).request, 0)
        async with asyncio.timeout(5):
            assert "device lost" in (await failures.get()).text


async def test_a_live_conversation_is_answered_between_chunks() -> None:
    model = FakeModel()
    async with started(model) as engine:
        live, reader = Caller(), Caller(prompt(2000 * CHUNK))
        engine.assign(live.request, 0)
        engine.assign(reader.request, 1)
        for value in (1, 2, 3):
            engine.push(live.request, samples(value))
            assert await live.answer() == value
        assert model.batches == [[0]] * 3
        engine.release(reader.request)
