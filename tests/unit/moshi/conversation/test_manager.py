"""The session manager, with an engine whose model answers each frame with itself."""

import asyncio

import pytest

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Limits, Notice
from moshi_backend.conversation.manager import Refused, SessionManager
from moshi_backend.conversation.outbox import OUTBOX_ITEMS, Begun, End, Item
from moshi_backend.conversation.session import Session, State
from moshi_backend.errors import conversations as errors
from moshi_service.protocol.upgrade import Load
from moshi_service.protocol.wire import CloseCode
from support.fakes import POISON, FakeModel, samples, session, started

pytestmark = pytest.mark.anyio


def told(talk: Session) -> list[Item]:
    return [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]


def begins(items: list[Item]) -> bool:
    """Whether the items are the beginning of a conversation without a prompt, and nothing else."""
    [begun] = items
    return isinstance(begun, Begun) and begun.prompt is None


async def test_guests_are_admitted_then_wait_then_are_refused() -> None:
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=1, limits=Limits(), drain_seconds=0)
        talker, waiter, late = session(), session(), session()
        manager.enter(talker)
        manager.check()
        with pytest.raises(Refused, match="full"):
            manager.check(may_wait=False)
        manager.enter(waiter)
        assert (manager.used, manager.waiting) == (1, 1)
        with pytest.raises(Refused, match="full"):
            manager.check()
        with pytest.raises(Refused, match=r"full: every slot is in use \(1\), 1 waiting$") as refused:
            manager.enter(late)
        assert refused.value.retry_after is not None
        assert 0.7 * 60 <= refused.value.retry_after <= 1.3 * 60  # spread, so that not all come back at once
        assert begins(told(talker))
        assert told(waiter) == [Place(1, None)]
        manager.leave(talker)
        assert begins(told(waiter))
        assert waiter.state is State.LIVE
        manager.leave(waiter)
        assert (manager.used, manager.waiting) == (0, 0)


async def test_who_waits_is_told_when_the_queue_moves() -> None:
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=2, limits=Limits(session=60), drain_seconds=0)
        guests = [session() for _ in range(3)]
        for guest in guests:
            manager.enter(guest)
        told(guests[2])
        manager.leave(guests[1])
        await asyncio.sleep(0)
        [place] = told(guests[2])
        assert isinstance(place, Place)
        assert place.position == 1
        assert place.wait is None  # no conversation has ended yet
        assert place.longest is not None and 0 < place.longest <= 60


async def test_many_that_leave_together_are_one_piece_of_news_for_those_who_wait() -> None:
    """As when a frontend is lost. The news of each filled the outboxes of the others, which ended them with 4000."""
    many = 2 * OUTBOX_ITEMS
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=many + 2, limits=Limits(), drain_seconds=0)
        talker, *lost = (session() for _ in range(many + 1))
        ended, waiter = session(), session()
        for guest in (talker, *lost, ended, waiter):
            manager.enter(guest)
        ended.end(End(CloseCode.GOING_AWAY, errors.shutting_down()))
        told(waiter), told(ended)
        for guest in lost:
            manager.leave(guest)
        await asyncio.sleep(0)
        assert waiter.state is State.WAITING
        assert told(waiter) == [Place(2, None)]
        assert told(ended) == []
        manager.leave(ended)
        await asyncio.sleep(0)
        assert told(waiter) == [Place(1, None)]


async def test_a_failed_step_ends_those_who_talk_and_those_who_wait() -> None:
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=1, limits=Limits(), drain_seconds=0)
        talker, waiter = session(), session()
        manager.enter(talker)
        manager.enter(waiter)
        manager.push(talker, [samples(POISON)])
        for guest in (talker, waiter):
            async with asyncio.timeout(5):
                await guest.reach(State.ENDED)
            end = told(guest)[-1]
            assert isinstance(end, End)
            assert end.code is CloseCode.ENGINE_FAILED
            assert "device lost" in end.problem.text


@pytest.mark.parametrize("slots", [1, 4])
async def test_the_slots_are_as_many_as_the_engine_has_after_it_recovered(slots: int) -> None:
    async with started(FakeModel(slots=2)) as engine:
        manager = SessionManager(engine, queue=0, limits=Limits(), drain_seconds=0)
        before = [session(), session()]
        for talker in before:
            manager.enter(talker)
        engine.slots = slots  # MOSHI_SLOTS=auto: it measured again
        for talker in before:
            manager.leave(talker)
        for _ in range(slots):
            manager.enter(session())
        assert manager.load == Load(slots, slots, 0)
        with pytest.raises(Refused, match=rf"full: every slot is in use \({slots}\)$"):
            manager.enter(session())


async def test_nobody_enters_before_the_model_is_ready() -> None:
    model = FakeModel()
    async with started(model) as engine:
        manager = SessionManager(engine, queue=1, limits=Limits(), drain_seconds=0)
        engine.health = type(engine.health)("starting", "load", None, "loading")
        with pytest.raises(Refused, match="starting: loading"):
            manager.enter(session())


async def test_draining_warns_the_live_ends_the_waiting_and_takes_no_new() -> None:
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=1, limits=Limits(), drain_seconds=20)
        talker, waiter = session(), session()
        manager.enter(talker)
        manager.enter(waiter)
        draining = asyncio.create_task(manager.drain())
        await asyncio.sleep(0.05)
        assert manager.health.status == "draining"
        assert manager.health.detail == "the service is shutting down; 1 conversation left"
        begun, notice = told(talker)
        assert begins([begun])
        assert notice == Notice("draining", 20)
        assert told(waiter)[-1] == End(CloseCode.GOING_AWAY, errors.shutting_down())
        with pytest.raises(Refused, match="draining"):
            manager.enter(session())
        manager.leave(waiter)
        await asyncio.sleep(0.05)
        assert not draining.done()
        manager.leave(talker)
        async with asyncio.timeout(1):
            await draining


async def test_a_slot_passes_by_a_waiting_session_that_has_ended_and_not_left() -> None:
    """For example, a drain has ended it, and its client does not read the end."""
    async with started(FakeModel(slots=1)) as engine:
        manager = SessionManager(engine, queue=2, limits=Limits(), drain_seconds=0)
        talker, ended, waiter = session(), session(), session()
        for one in (talker, ended, waiter):
            manager.enter(one)
        ended.end(End(CloseCode.GOING_AWAY, errors.shutting_down()))
        manager.leave(talker)
        assert not begins(told(waiter)[-1:])
        manager.leave(ended)
        assert begins(told(waiter)[-1:])


async def test_the_time_of_a_drain_is_bounded_and_can_be_cut_short() -> None:
    async with started(FakeModel()) as engine:
        for hurried in (False, True):
            manager = SessionManager(engine, queue=0, limits=Limits(), drain_seconds=20 if hurried else 0.1)
            talker = session()
            manager.enter(talker)
            draining = asyncio.create_task(manager.drain())
            await asyncio.sleep(0.03)
            assert talker.state is State.LIVE
            if hurried:
                manager.hurry()
            async with asyncio.timeout(5):
                await talker.reach(State.ENDED)
            manager.leave(talker)
            await draining
