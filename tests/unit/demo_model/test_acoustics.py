"""The sounds that training puts beside a voice."""

import numpy as np
import pytest

from demo_model import acoustics
from demo_model.architecture import SAMPLE_RATE, Audio

SECONDS = 8
SAMPLES = SECONDS * SAMPLE_RATE

KINDS = (*acoustics.NOISES, "music", "tones")


def draw(kind: str, seed: int) -> Audio:
    rng = np.random.default_rng(seed)
    if kind == "music":
        return acoustics.music(rng, SAMPLES)
    return acoustics.tones(rng, SAMPLES) if kind == "tones" else acoustics.noise(rng, SAMPLES, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_sound_has_the_level_that_its_caller_scales(kind: str, seed: int) -> None:
    sound = draw(kind, seed)
    assert sound.shape == (SAMPLES,)
    assert sound.dtype == np.float32
    assert sound.std() == pytest.approx(1, rel=0.05)
    assert np.array_equal(sound, draw(kind, seed))


def test_an_unknown_kind_of_noise_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'violet' is none of .*'pink'"):
        acoustics.noise(np.random.default_rng(0), SAMPLES, "violet")


@pytest.mark.parametrize("seed", range(20))
def test_a_swell_rises_and_falls_smoothly_by_up_to_24_db(seed: int) -> None:
    amplitude = acoustics.swell(np.random.default_rng(seed), SAMPLES)
    assert amplitude.shape == (SAMPLES,)
    decibels = 20 * np.log10(amplitude)
    assert decibels.max() <= 1e-4
    assert decibels.min() >= -24 - 1e-4
    assert np.ptp(decibels) > 1
    assert np.abs(np.diff(decibels)).max() < 24 / (0.4 * SAMPLE_RATE) * 1.1


def test_half_of_the_sounds_come_and_go_in_stretches_of_seconds() -> None:
    sound = acoustics.noise(np.random.default_rng(0), 60 * SAMPLE_RATE, "white")
    whole = 0
    for seed in range(40):
        heard = acoustics.in_parts(np.random.default_rng(seed), sound)
        silent = heard == 0
        np.testing.assert_array_equal(heard[~silent], sound[~silent])
        whole += not silent.any()
        inner = np.diff(np.flatnonzero(np.diff(silent.astype(int)))) / SAMPLE_RATE
        assert ((inner > 3.99) & (inner < 25.01)).all()
    assert 10 < whole < 30
    assert (sound != 0).all()


def test_a_switched_sound_is_whole_or_has_one_silence_at_an_end() -> None:
    sound = acoustics.noise(np.random.default_rng(0), SAMPLE_RATE, "white")
    whole = before = after = 0
    for seed in range(200):
        heard = acoustics.switched(np.random.default_rng(seed), sound)
        silent = heard == 0
        np.testing.assert_array_equal(heard[~silent], sound[~silent])
        assert np.count_nonzero(np.diff(silent.astype(int))) <= 1
        whole += not silent.any()
        before += bool(silent[0])
        after += bool(silent[-1])
    assert 95 < whole < 145
    assert before > after > 5
    assert (sound != 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_room_changes_the_sound_and_keeps_its_length_and_level(seed: int) -> None:
    sound = acoustics.noise(np.random.default_rng(seed), SAMPLES - 77, "white")
    heard = acoustics.room(np.random.default_rng(seed), sound)
    assert heard.shape == sound.shape
    assert heard.dtype == np.float32
    assert heard.std() == pytest.approx(sound.std(), rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_an_echo_is_late_and_as_loud_as_the_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    played = acoustics.noise(rng, SAMPLES, "white")
    played[:SAMPLE_RATE] = 0
    played[-SAMPLE_RATE:] = 0
    heard = acoustics.echo(rng, played)
    first = np.flatnonzero(np.abs(heard) > 0.05)[0] / SAMPLE_RATE
    assert 1.05 <= first <= 1.61
    assert heard.std() == pytest.approx(played.std(), rel=0.01)


def test_a_faster_clip_is_shorter_and_higher() -> None:
    clip = np.sin(2 * np.pi * 440 * np.arange(SAMPLES) / SAMPLE_RATE).astype(np.float32)
    faster = acoustics.at_speed(clip, 1.1)
    assert faster.dtype == np.float32
    assert len(faster) == pytest.approx(SAMPLES / 1.1, rel=0.001)
    spectrum = np.abs(np.fft.rfft(faster))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(faster) == pytest.approx(484, rel=0.01)
    np.testing.assert_array_equal(acoustics.at_speed(clip, 1.0), clip[:-1])


def test_some_speakers_keep_their_speed() -> None:
    speeds = [acoustics.draw_speed(np.random.default_rng(seed)) for seed in range(400)]
    assert 90 < speeds.count(1.0) < 150
    assert 0.75 <= min(speeds) < 0.8
    assert 1.28 < max(speeds) <= 1.33
