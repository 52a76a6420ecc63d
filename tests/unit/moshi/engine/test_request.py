"""The input queue of a request."""

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_backend.engine.request import BACKLOG_FRAMES, Answer
from moshi_backend.engine.scheduler import PERIOD, Input
from support.fakes import Caller, samples


def test_input_comes_out_in_order() -> None:
    request = Caller().request
    assert request.input == Input(None, None)
    for value in (1, 2):
        assert request.push(frame(value), now=value) == 0
    assert request.input == Input(1, 2)
    assert [request.take()[1][0] for _ in range(2)] == [1, 2]
    assert request.input == Input(None, 2)


def test_a_full_backlog_loses_its_oldest_frame_and_counts_it() -> None:
    request = Caller().request
    dropped = [request.push(frame(value), now=value) for value in range(BACKLOG_FRAMES + 3)]
    assert (request.backlog, dropped) == (BACKLOG_FRAMES, [0] * BACKLOG_FRAMES + [1] * 3)
    assert request.take()[1][0] == 3


@pytest.mark.parametrize(("lag", "late"), [(PERIOD / 2, False), (PERIOD, False), (PERIOD + 0.001, True)])
def test_an_answer_is_late_when_it_took_longer_than_a_frame_lasts(lag: float, late: bool) -> None:
    assert Answer(None, lag, step=0.01, batch_size=1).late is late


def frame(value: float) -> NDArray[np.float32]:
    return samples(value)
