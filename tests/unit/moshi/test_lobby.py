"""The way in and out, with an engine whose model says what it was given."""

import asyncio

import pytest

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Limits, Notice
from moshi_backend.conversation.manager import Lobby, Refused
from moshi_backend.conversation.session import Admitted, End, Item, Session
from moshi_service.protocol.wire import Close
from support.fakes import POISON, FakeModel, samples, session, started

pytestmark = pytest.mark.anyio


def told(talk: Session) -> list[Item]:
    return [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]


async def test_guests_are_admitted_then_wait_then_are_refused() -> None:
    async with started(FakeModel(slots=1)) as engine:
        lobby = Lobby(engine, queue=1, limits=Limits(), drain_seconds=0)
        talker, waiter, late = session(), session(), session()
        lobby.enter(talker)
        lobby.enter(waiter)
        assert (lobby.used, lobby.waiting) == (1, 1)
        with pytest.raises(Refused, match=r"full: every slot is in use \(1\), 1 waiting$") as refused:
            lobby.enter(late)
        assert refused.value.retry_after == 60
        assert told(talker) == [Admitted()]
        assert told(waiter) == [Place(1, None)]
        lobby.leave(talker)
        assert told(waiter) == [Admitted()]
        assert waiter.admitted.is_set()
        lobby.leave(waiter)
        assert (lobby.used, lobby.waiting) == (0, 0)


async def test_who_waits_is_told_when_the_queue_moves() -> None:
    async with started(FakeModel(slots=1)) as engine:
        lobby = Lobby(engine, queue=2, limits=Limits(session=60), drain_seconds=0)
        guests = [session() for _ in range(3)]
        for guest in guests:
            lobby.enter(guest)
        told(guests[2])
        lobby.leave(guests[1])
        [place] = told(guests[2])
        assert isinstance(place, Place)
        assert place.position == 1
        assert place.wait is None  # no conversation has ended yet
        assert place.longest is not None and 0 < place.longest <= 60


async def test_a_failed_tick_ends_those_who_talk_and_those_who_wait() -> None:
    async with started(FakeModel(slots=1)) as engine:
        lobby = Lobby(engine, queue=1, limits=Limits(), drain_seconds=0)
        talker, waiter = session(), session()
        lobby.enter(talker)
        lobby.enter(waiter)
        engine.push(talker, samples(POISON))
        for guest in (talker, waiter):
            async with asyncio.timeout(5):
                await guest.ended.wait()
            end = told(guest)[-1]
            assert isinstance(end, End)
            assert end.code is Close.ENGINE_FAILED
            assert "device lost" in end.reason


async def test_nobody_enters_before_the_model_is_ready() -> None:
    model = FakeModel()
    async with started(model) as engine:
        lobby = Lobby(engine, queue=1, limits=Limits(), drain_seconds=0)
        engine.health = type(engine.health)("starting", "load", None, "loading")
        with pytest.raises(Refused, match="starting: loading"):
            lobby.enter(session())


async def test_draining_warns_the_live_ends_the_waiting_and_takes_no_new() -> None:
    async with started(FakeModel(slots=1)) as engine:
        lobby = Lobby(engine, queue=1, limits=Limits(), drain_seconds=20)
        talker, waiter = session(), session()
        lobby.enter(talker)
        lobby.enter(waiter)
        draining = asyncio.create_task(lobby.drain())
        await asyncio.sleep(0.05)
        assert lobby.health.status == "draining"
        assert lobby.health.detail == "the service is shutting down; 1 conversation left"
        assert told(talker) == [Admitted(), Notice("draining", 20)]
        assert told(waiter)[-1] == End(Close.GOING_AWAY, "the service is shutting down")
        with pytest.raises(Refused, match="draining"):
            lobby.enter(session())
        lobby.leave(waiter)
        await asyncio.sleep(0.05)
        assert not draining.done()
        lobby.leave(talker)
        async with asyncio.timeout(1):
            await draining


async def test_the_time_of_a_drain_is_bounded_and_can_be_cut_short() -> None:
    async with started(FakeModel()) as engine:
        for hurried in (False, True):
            lobby = Lobby(engine, queue=0, limits=Limits(), drain_seconds=20 if hurried else 0.1)
            talker = session()
            lobby.enter(talker)
            draining = asyncio.create_task(lobby.drain())
            await asyncio.sleep(0.03)
            assert not talker.ended.is_set()
            if hurried:
                lobby.hurry()
            async with asyncio.timeout(5):
                await talker.ended.wait()
            lobby.leave(talker)
            await draining
