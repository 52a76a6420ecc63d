"""A session in prefill, with an engine whose model answers each frame with itself."""

import asyncio

import pytest

from moshi_backend.conversation.limits import Limits, Notice
from moshi_backend.conversation.manager import SessionManager
from moshi_backend.conversation.outbox import Begun, Item
from moshi_backend.conversation.session import Session, State
from moshi_backend.engine.engine import Engine, Loaded
from moshi_backend.engine.request import PrefillProgress
from support.fakes import CHUNK, FakeModel, prompt, samples, session, started

pytestmark = pytest.mark.anyio


def told(talk: Session) -> list[Item]:
    return [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]


def manager_of(engine: Engine[Loaded]) -> SessionManager:
    return SessionManager(engine, queue=2, limits=Limits(), drain_seconds=0)


async def test_a_conversation_begins_after_its_prefill_and_its_progress_is_told() -> None:
    model = FakeModel()
    async with started(model) as engine:
        talk = session(prompt(3 * CHUNK - 5))
        manager = manager_of(engine)
        manager.enter(talk)
        assert talk.state is State.PREFILL
        async with asyncio.timeout(5):
            await talk.reach(State.LIVE)
        said = told(talk)
        begun = said[-1]
        assert isinstance(begun, Begun)
        assert begun.prompt is not None and begun.prompt.steps == 3 * CHUNK - 5
        assert begun.waited >= 0 and begun.prompt.seconds >= 0 and not begun.prompt.cached
        steps = [item.done for item in said[:-1] if isinstance(item, PrefillProgress)]
        assert steps == [0, CHUNK, 2 * CHUNK, 3 * CHUNK - 5]
        assert [item.left for item in said[:-1] if isinstance(item, PrefillProgress)][-1] == 0
        manager.push(talk, [samples(4)])
        frame = await talk.outbox.get()
        assert getattr(frame, "pcm", None) is not None


async def test_a_drain_leaves_time_to_those_in_prefill_and_warns_them_once_they_talk() -> None:
    model = FakeModel()
    async with started(model) as engine:
        manager = SessionManager(engine, queue=2, limits=Limits(), drain_seconds=20)
        model.gate.clear()
        talk = session(prompt(3 * CHUNK))
        manager.enter(talk)
        draining = asyncio.create_task(manager.drain())
        await asyncio.sleep(0.05)
        assert talk.state is State.PREFILL
        model.gate.set()
        said: list[Item] = []
        async with asyncio.timeout(5):
            while not said or not isinstance(said[-1], Notice):
                said.append(await talk.outbox.get())
        assert isinstance(said[-2], Begun)
        assert said[-1].why == "draining" and 0 < said[-1].left <= 20
        manager.leave(talk)
        async with asyncio.timeout(5):
            await draining


async def test_who_leaves_in_prefill_frees_the_slot_for_the_next() -> None:
    model = FakeModel(slots=1)
    async with started(model) as engine:
        manager = manager_of(engine)
        model.gate.clear()
        leaver, successor = session(prompt(100 * CHUNK)), session()
        manager.enter(leaver)
        manager.enter(successor)
        await asyncio.sleep(0.05)  # the engine is held in the first chunk
        manager.leave(leaver)
        assert successor.state is State.LIVE
        model.gate.set()
        manager.push(successor, [samples(8)])
        told(successor)
        async with asyncio.timeout(5):
            frame = await successor.outbox.get()
        assert getattr(frame, "pcm", [0])[0] == 8
        assert len(model.chunks) == 1
        assert leaver.state is State.ENDED
        assert not any(isinstance(item, Begun) for item in told(leaver))
