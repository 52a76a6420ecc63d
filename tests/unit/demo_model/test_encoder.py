"""The moments of conversations that Mimi's encoder learns from."""

from functools import cache

import numpy as np
import pytest

from demo_model.architecture import FRAME, SAMPLE_RATE, Audio
from demo_model.encoder import CROP, ECHO_WEIGHT, Crop, draw_crop, moment

USER = 600.0
LINE = 1_100.0
"""Pitches in Hz: the noises that are drawn beside them have no such tones."""


def tone(pitch: float, level: float) -> Audio:
    return (level * np.sin(2 * np.pi * pitch * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)


@cache
def crops() -> list[Crop]:
    users, lines = [[tone(USER, 0.1)]], [tone(LINE, 0.1)]
    return [draw_crop(users, lines, np.random.default_rng([5, number])) for number in range(150)]


def strength(crop: Crop, pitch: float) -> Audio:
    """How loud a pitch is in each frame: [CROP]."""
    frames = crop.audio.reshape(CROP, FRAME)
    # A user may speak up to a third faster or slower.
    pitches = np.linspace(0.75, 1.33, 61) * pitch if pitch == USER else np.array([pitch])
    waves = np.exp(-2j * np.pi * pitches[:, None] * np.arange(FRAME) / SAMPLE_RATE)
    return np.asarray(np.abs(frames @ waves.T).max(1) / FRAME, dtype=np.float32)


def test_a_crop_has_a_label_for_each_frame() -> None:
    for crop in crops():
        assert crop.audio.shape == (CROP * FRAME,)
        assert crop.voice.shape == crop.weight.shape == (CROP,)
        assert np.abs(crop.audio).max() <= 1


def test_the_echo_of_the_demo_is_taught_as_no_user() -> None:
    echoes = [crop for crop in crops() if (crop.weight == ECHO_WEIGHT).any() and not crop.voice.any()]
    assert len(echoes) > 5
    heard = np.concatenate([strength(crop, LINE) for crop in echoes])
    weights = np.concatenate([crop.weight for crop in echoes])
    assert set(weights) == {np.float32(ECHO_WEIGHT), np.float32(1)}
    assert heard[weights < 1].mean() > 2 * heard[weights == 1].mean()


def test_sometimes_the_user_and_the_demo_talk_at_the_same_time() -> None:
    both = [crop for crop in crops() if crop.voice.any() and strength(crop, LINE).max() > 0.005]
    assert len(both) > 5
    for crop in both:
        assert crop.weight.all()
        assert (crop.weight[crop.voice] == 1).all()


def test_a_line_as_its_codes_are_made_is_not_taught_as_either() -> None:
    alone = [crop for crop in crops() if not crop.weight.any()]
    assert len(alone) > 5
    for crop in alone:
        assert not crop.voice.any()
        assert strength(crop, LINE).max() == pytest.approx(0.05, rel=0.1)  # half of the amplitude
        assert np.count_nonzero(crop.audio) > 0


def test_frames_in_which_the_user_talks_are_labelled() -> None:
    for crop in crops():
        loud = strength(crop, USER)
        if crop.voice.any():
            assert loud[crop.voice].mean() > loud[~crop.voice].mean()


def test_a_moment_of_a_line_may_begin_before_or_after_it() -> None:
    line = np.arange(1, 10 * FRAME + 1, dtype=np.float32)
    starts = set()
    for seed in range(60):
        part = moment([line], np.random.default_rng(seed))
        assert part.shape == (CROP * FRAME,)
        heard = part[part != 0]
        np.testing.assert_array_equal(np.diff(heard), 1)
        starts.add(heard[0] > 1)
    assert starts == {True, False}
