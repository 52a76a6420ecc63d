import numpy as np
import pytest

from moshi_backend.model import Frame
from moshi_backend.protocol import Close
from moshi_backend.session import BACKLOG_FRAMES, OUTBOX_FRAMES, End, Session


def frame(value: float) -> Frame:
    return Frame(np.full(1920, value, np.float32), "")


def test_input_comes_out_in_order() -> None:
    session = Session(slot=0)
    for value in (1, 2):
        session.push(np.full(1920, value, np.float32))
    taken = [session.take(), session.take(), session.take()]
    assert [item[1][0] if item else None for item in taken] == [1, 2, None]


def test_a_full_backlog_loses_its_oldest_frame_and_counts_it() -> None:
    session = Session(slot=0)
    for value in range(BACKLOG_FRAMES + 3):
        session.push(np.full(1920, value, np.float32))
    assert (session.backlog, session.stats.dropped) == (BACKLOG_FRAMES, 3)
    oldest = session.take()
    assert oldest is not None
    assert oldest[1][0] == 3


@pytest.mark.anyio
async def test_a_reader_that_leaves_the_outbox_full_is_ended() -> None:
    session = Session(slot=0)
    for value in range(OUTBOX_FRAMES):
        session.deliver(frame(value))
    assert not session.ended.is_set()
    session.deliver(frame(-1))
    assert session.ended.is_set()
    items = [session.outbox.get_nowait() for _ in range(session.outbox.qsize())]
    assert len(items) == OUTBOX_FRAMES + 1
    assert isinstance(items[-1], End)
    assert items[-1].code is Close.TOO_SLOW


@pytest.mark.anyio
async def test_only_the_first_end_counts_and_nothing_follows_it() -> None:
    session = Session(slot=0)
    session.end(End(Close.GOING_AWAY, "first"))
    session.end(End(Close.ENGINE_FAILED, "second"))
    session.deliver(frame(0))
    assert session.outbox.qsize() == 1
    assert session.outbox.get_nowait() == End(Close.GOING_AWAY, "first")
