"""Delays between the two channels of a recording."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.browsers import Delays, delays, onsets
from support.sound import RATE


def tones(*starts: float, seconds: float = 6.0) -> NDArray[np.float64]:
    samples = np.zeros(round(seconds * RATE))
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(0.02 * RATE)) / RATE)
    for start in starts:
        at = round(start * RATE)
        samples[at : at + len(tone)] = tone
    return samples


def test_a_tone_has_one_onset_also_with_an_echo_behind_it() -> None:
    assert onsets(tones(0.0, 1.0, 1.2, 2.5)) == pytest.approx([0.0, 1.0, 2.5], abs=0.001)


def test_each_tone_at_the_mouth_is_looked_for_at_the_ear() -> None:
    found = delays(tones(1.0, 2.0, 3.0), tones(1.3, 2.25, 3.2))
    assert found.late == pytest.approx([300, 250, 200], abs=1)
    assert found.lost == 0
    assert str(found) == "250 ms | 295 ms | 0 of 3"


def test_a_tone_that_does_not_come_back_within_a_second_is_lost() -> None:
    found = delays(tones(1.0, 2.0, 3.0), tones(1.3, 3.3))
    assert len(found.late) == 2
    assert found.lost == 1


def test_a_tone_that_is_still_under_way_does_not_count() -> None:
    assert delays(tones(5.5), tones()) == Delays([], 0)


def test_silence_has_no_delay() -> None:
    assert str(delays(tones(1.0), tones())) == "- | - | 1 of 1"
