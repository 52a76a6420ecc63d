import numpy as np
import pytest

from moshi_backend.conversation.session import BACKLOG_FRAMES, OUTBOX_ITEMS, Admitted, End, Session
from moshi_backend.engine.scheduler import Input
from moshi_backend.model.batch import Frame
from moshi_backend.model.sampling import Choice, Sampling
from moshi_service.protocol.wire import Close


def session() -> Session:
    return Session(Sampling(Choice(0, 0), Choice(0, 0)))


def frame(value: float) -> Frame:
    return Frame(np.full(1920, value, np.float32), ())


def test_input_comes_out_in_order() -> None:
    talk = session()
    assert talk.input == Input(None, None)
    for value in (1, 2):
        talk.push(np.full(1920, value, np.float32), now=value)
    assert talk.input == Input(1, 2)
    assert [talk.take()[1][0] for _ in range(2)] == [1, 2]
    assert talk.input == Input(None, 2)


def test_a_full_backlog_loses_its_oldest_frame_and_counts_it() -> None:
    talk = session()
    for value in range(BACKLOG_FRAMES + 3):
        talk.push(np.full(1920, value, np.float32), now=value)
    assert (talk.backlog, talk.stats.dropped) == (BACKLOG_FRAMES, 3)
    assert talk.take()[1][0] == 3


@pytest.mark.anyio
async def test_a_reader_that_leaves_the_outbox_full_is_ended() -> None:
    talk = session()
    for value in range(OUTBOX_ITEMS):
        talk.tell(frame(value))
    assert not talk.ended.is_set()
    talk.tell(frame(-1))
    assert talk.ended.is_set()
    items = [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())]
    assert len(items) == OUTBOX_ITEMS + 1
    assert isinstance(items[-1], End)
    assert items[-1].code is Close.TOO_SLOW


@pytest.mark.anyio
async def test_only_the_first_end_counts_and_nothing_follows_it() -> None:
    talk = session()
    talk.admit()
    talk.end(End(Close.GOING_AWAY, "first"))
    talk.end(End(Close.ENGINE_FAILED, "second"))
    talk.tell(frame(0))
    assert [talk.outbox.get_nowait() for _ in range(talk.outbox.qsize())] == [
        Admitted(),
        End(Close.GOING_AWAY, "first"),
    ]
