"""A session's state and its outbox."""

import asyncio

import numpy as np
import pytest

from moshi_backend.conversation.outbox import OUTBOX_ITEMS, Begun, End
from moshi_backend.conversation.session import Session, State
from moshi_backend.engine.request import Answer, PrefillProgress
from moshi_backend.errors import conversations as errors
from moshi_backend.model.batch import Frame
from moshi_service.errors import Problem
from moshi_service.protocol.wire import CloseCode
from support.fakes import prompt, session

pytestmark = pytest.mark.anyio


def frame(value: float) -> Frame:
    return Frame(np.full(1920, value, np.float32), ())


def state(talk: Session) -> State:
    """mypy believes that a property keeps its value, and a function's may change."""
    return talk.state


def told(talk: Session) -> list[object]:
    return [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]


async def test_a_reader_that_leaves_the_outbox_full_is_ended() -> None:
    talk = session()
    for value in range(OUTBOX_ITEMS):
        talk.tell(frame(value))
    assert state(talk) is not State.ENDED
    talk.tell(frame(-1))
    assert state(talk) is State.ENDED
    items = told(talk)
    assert len(items) == OUTBOX_ITEMS + 1
    assert isinstance(items[-1], End)
    assert items[-1].code is CloseCode.TOO_SLOW


async def test_only_the_first_end_counts_and_nothing_follows_it() -> None:
    talk = session()
    talk.begin()
    first, second = Problem("first", "the first"), Problem("second", "the second")
    talk.end(End(CloseCode.GOING_AWAY, first))
    talk.end(End(CloseCode.ENGINE_FAILED, second))
    talk.tell(frame(0))
    begun, *rest = told(talk)
    assert isinstance(begun, Begun)
    assert rest == [End(CloseCode.GOING_AWAY, first)]
    assert talk.ending == End(CloseCode.GOING_AWAY, first)


async def test_a_client_that_leaves_ends_its_session_without_a_reason() -> None:
    talk = session()
    talk.begin()
    told(talk)
    talk.leave()
    talk.leave()
    assert (talk.state, talk.ending, told(talk)) == (State.ENDED, None, [])
    talk.request.on_answer(Answer(frame(1), 0.01, 0.01, 1))
    talk.request.on_prefill(PrefillProgress(1, 1, 0.0))
    assert (talk.last, told(talk)) == (None, [])


async def test_the_states_come_in_order_and_wake_who_waits_for_them() -> None:
    talk = session(prompt(3))
    waits = {one: asyncio.create_task(talk.reach(one)) for one in State}

    async def reached() -> list[State]:
        for _ in range(5):
            await asyncio.sleep(0)
        return [one for one, wait in waits.items() if wait.done()]

    assert await reached() == [State.WAITING]
    talk.prefill()
    assert await reached() == [State.WAITING, State.PREFILL]
    talk.request.on_prefill(PrefillProgress(2, 3, 0.1))
    assert talk.state is State.PREFILL
    talk.request.on_prefill(PrefillProgress(3, 3, 0.0, cached=True))
    assert await reached() == [State.WAITING, State.PREFILL, State.LIVE]
    talk.end(End(CloseCode.IDLE, errors.no_audio()))
    assert await reached() == list(State)
    begun = told(talk)[-2]
    assert isinstance(begun, Begun) and begun.prompt is not None
    assert (begun.prompt.steps, begun.prompt.cached) == (3, True)


async def test_an_answer_goes_to_the_outbox_and_one_without_a_frame_only_counts() -> None:
    talk = session()
    talk.begin()
    told(talk)
    said, answer = frame(1), Answer(None, 0.01, 0.02, 3)
    talk.request.on_answer(answer)
    assert (talk.last, told(talk)) == (answer, [])
    talk.request.on_answer(Answer(said, 0.01, 0.02, 3))
    assert told(talk) == [said]
