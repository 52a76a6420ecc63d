"""Samples between the network and the speaker."""

import numpy as np

from scenario6_client.audio import FRAME, Samples
from scenario6_client.playout import MOST, START, Playout


def frames(*values: float) -> Samples:
    return np.repeat(np.array(values, np.float32), FRAME)


def test_it_plays_once_enough_is_there() -> None:
    playout = Playout()
    playout.push(frames(1))
    assert not playout.pull(480).any()
    playout.push(frames(2))
    assert len(frames(1, 2)) == START
    assert playout.pull(2 * FRAME).tolist() == frames(1, 2).tolist()
    assert playout.underruns == 0


def test_it_runs_empty_once_and_gathers_again() -> None:
    playout = Playout()
    playout.push(frames(1, 1))
    assert playout.pull(3 * FRAME).tolist() == frames(1, 1, 0).tolist()
    assert playout.underruns == 1
    playout.push(frames(2))
    assert not playout.pull(480).any()
    assert playout.underruns == 1
    playout.push(frames(2))
    assert playout.pull(480).all()


def test_more_than_a_second_is_never_kept() -> None:
    playout = Playout()
    for value in range(1, MOST // FRAME + 2):
        playout.push(frames(value))
    last = MOST // FRAME + 1
    assert playout.pull(3 * FRAME).tolist() == frames(last - 1, last, 0).tolist()
    assert playout.skipped == MOST + FRAME - START
