"""A user's sentences in the sound of a microphone."""

import numpy as np
import pytest

from demo_model.architecture import FRAME, SAMPLE_RATE, Audio
from demo_model.talking import say, voiced_frames

TONE: Audio = (0.1 * np.sin(2 * np.pi * 600 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)


@pytest.mark.parametrize("offset", [0, 500, 1_000])
def test_a_frame_has_voice_where_the_clip_is_loud(offset: int) -> None:
    clip = np.concatenate([TONE[: 3 * FRAME], np.zeros(4 * FRAME, np.float32), TONE[:FRAME]])
    voiced = voiced_frames(clip, offset)
    assert len(voiced) == 8 + (offset > 0)
    assert voiced[:3].all()
    assert not voiced[4:7].any()
    assert voiced[7:].any()


@pytest.mark.parametrize("start", [0, 5 * FRAME + 100, 9 * FRAME])
def test_a_sentence_is_added_at_its_level_as_far_as_it_fits(start: int) -> None:
    audio, voice = np.full(10 * FRAME, 0.001, np.float32), np.zeros(10, bool)
    say(np.random.default_rng(1), TONE[: 4 * FRAME], -20, start, audio, voice)
    end = min(len(audio), start + 4 * FRAME)
    assert abs(20 * np.log10(audio[start:end].std()) + 20) < 2.1
    np.testing.assert_array_equal(audio[:start], np.float32(0.001))
    np.testing.assert_array_equal(audio[end:], np.float32(0.001))
    assert list(np.flatnonzero(voice)) == list(range(start // FRAME, -(-end // FRAME)))
