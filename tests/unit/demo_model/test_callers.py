"""Users of the evaluation: they must do what they claim, or the evaluation measures something else."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from demo_model.evaluation.alignment import cut, offset_of
from demo_model.evaluation.callers import Caller, Habits
from demo_model.evaluation.conversing import FRAME, SAMPLE_RATE, Samples
from demo_model.evaluation.material import longest_pause, trimmed, usable
from demo_model.evaluation.rooms import MUSIC, Room, disturbed_rooms
from demo_model.resampling import resampled

VOICE = [np.sin(np.arange(SAMPLE_RATE) * 0.05).astype(np.float32)]
"""One second."""
QUIET = (-90.0, -90.0)


def caller(share: tuple[float, float, float], seed: int = 1) -> Caller:
    return Caller(np.random.default_rng(seed), VOICE, Habits(share, noise=QUIET))


def listen(one: Caller, played: Samples) -> Samples:
    """What the microphone hears while the loudspeaker plays `played`."""
    return np.concatenate([one.microphone(played[start : start + FRAME]) for start in range(0, len(played), FRAME)])


def speaking(seconds: float, start: float, end: float) -> Samples:
    played = np.zeros(round(seconds / 0.08) * FRAME, dtype=np.float32)
    played[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0.1
    return played


@pytest.mark.parametrize("seed", range(5))
def test_a_talk_is_where_the_voice_is(seed: int) -> None:
    one = caller((1, 0, 0), seed)
    heard = listen(one, speaking(12, 0.5, 4))
    loud = np.flatnonzero(np.abs(heard) > 0.002) / SAMPLE_RATE
    first = one.talks[0]
    inside = loud[(loud > first.start - 1) & (loud < first.end + 1)]
    assert inside[0] == pytest.approx(first.start, abs=0.005)
    assert inside[-1] == pytest.approx(first.end, abs=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_who_takes_turns_waits_for_the_end(seed: int) -> None:
    one = caller((1, 0, 0), seed)
    listen(one, speaking(9, 0.5, 5))
    assert 5.7 <= one.talks[0].start <= 7.6


@pytest.mark.parametrize("seed", range(5))
def test_who_interrupts_talks_while_the_model_speaks(seed: int) -> None:
    one = caller((0, 1, 0), seed)
    listen(one, speaking(9, 0.5, 5))
    first = one.talks[0]
    assert 1.2 <= first.start <= 2.7
    assert first.end - first.start >= 1


def test_nobody_waits_for_ever() -> None:
    one = caller((0.5, 0.5, 0))
    listen(one, speaking(12, 0, 0))
    assert 3.4 <= one.talks[0].start <= 3.7
    assert len(one.talks) >= 2


def test_a_long_talk_lasts() -> None:
    one = caller((0, 0, 1))
    listen(one, speaking(30, 0.5, 2))
    assert one.talks[0].end - one.talks[0].start >= 8


def test_an_echo_has_its_delay_and_level() -> None:
    room = Room(np.zeros(FRAME * 4, dtype=np.float32), 10 ** (-20 / 20), 0.1)
    played = speaking(2, 0.32, 0.4)
    heard = np.concatenate([room.microphone(played[at : at + FRAME]) for at in range(0, len(played), FRAME)])
    loud = np.flatnonzero(heard)
    assert (loud[0] / SAMPLE_RATE, (loud[-1] + 1) / SAMPLE_RATE) == (0.42, 0.5)
    assert heard.max() == pytest.approx(0.01)


@pytest.mark.parametrize("tune", MUSIC)
def test_music_goes_on_all_the_time(tune: Callable[[np.random.Generator, int], NDArray[np.float64]]) -> None:
    sound = tune(np.random.default_rng(1), 5 * SAMPLE_RATE)
    levels = np.sqrt(np.square(sound.reshape(-1, SAMPLE_RATE)).mean(axis=1))
    assert levels.min() > 0.1 * levels.max()


def test_noise_is_as_loud_as_promised_and_no_louder() -> None:
    rooms = disturbed_rooms("noise", 6, 1)
    silence = np.zeros(FRAME, dtype=np.float32)
    levels = []
    for room in rooms:
        heard = np.concatenate([room.microphone(silence) for _ in range(100)])
        levels.append(20 * np.log10(heard.std()))
    assert max(levels) == pytest.approx(-30, abs=2)


def test_clips_end_where_the_voice_ends() -> None:
    silence = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
    assert abs(len(trimmed(np.concatenate([silence, VOICE[0], silence]))) - len(VOICE[0])) < 20


def test_clips_with_a_long_pause_are_left_out() -> None:
    def paused(seconds: float) -> Samples:
        return np.concatenate([VOICE[0], np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32), VOICE[0]])

    assert longest_pause(paused(0.25)) == pytest.approx(0.25, abs=0.015)
    assert len(usable([paused(0.25), paused(0.4)])) == 1


def test_resampling_keeps_tones_that_fit() -> None:
    time = np.arange(SAMPLE_RATE)
    tone = np.sin(2 * np.pi * 440 * time / SAMPLE_RATE).astype(np.float32)
    lower = resampled(tone, SAMPLE_RATE, 16_000)
    np.testing.assert_allclose(lower, np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), atol=1e-4)
    assert np.abs(resampled(np.sin(2 * np.pi * 10_000 * time / SAMPLE_RATE), SAMPLE_RATE, 16_000)).max() < 1e-3
    assert len(resampled(tone[:8_000], 8_000, SAMPLE_RATE)) == 24_000


@pytest.mark.parametrize("late", [-1_200, 0, 3_600])
def test_a_take_is_aligned_with_its_original(late: int) -> None:
    rng = np.random.default_rng(2)
    original = (rng.standard_normal(36_000) * np.repeat(rng.random(30), 1_200)).astype(np.float32)
    audio = cut(original, -late, 48_000)
    assert offset_of(original, audio) == late
    assert len(cut(audio, late, len(original))) == len(original)
