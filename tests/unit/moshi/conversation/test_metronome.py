"""Silence while a client sends nothing, on a clock of the test's."""

import pytest

from moshi_backend.conversation.metronome import GAP_SECONDS, PAUSE_FRAMES, Metronome
from moshi_backend.engine.scheduler import PERIOD


def silence(metronome: Metronome, until: float) -> int:
    """Beat whenever it is due. Returns the number of silent frames."""
    beats = 0
    while metronome.due() <= until:
        assert metronome.beat(metronome.due())
        beats += 1
    return beats


def test_a_client_that_sends_every_frame_hears_no_silence_of_ours() -> None:
    metronome = Metronome(0.0)
    for frame in range(1, 500):
        now = frame * PERIOD
        assert not metronome.beat(now)
        assert metronome.heard(1, now) == 0


@pytest.mark.parametrize("late", [0.0, 0.03, 0.055])
def test_messages_of_another_length_and_small_delays_are_no_gap(late: float) -> None:
    """100 ms in each message complete one frame, and each fourth message completes two."""
    metronome = Metronome(0.0)
    for message in range(1, 400):
        now = message * 0.1 + (late if message % 3 == 0 else 0.0)
        assert not metronome.beat(now - 1e-6)
        assert metronome.heard(2 if message % 4 == 0 else 1, now) == 0


def test_a_gap_gets_a_frame_of_silence_every_80_ms_after_160() -> None:
    metronome = Metronome(10.0)
    assert metronome.due() == pytest.approx(10.0 + GAP_SECONDS)
    assert not metronome.beat(10.159)
    assert metronome.beat(10.161)
    assert metronome.due() == pytest.approx(10.24, abs=0.002)
    assert silence(metronome, 20.0) == pytest.approx((20.0 - 10.24) / PERIOD, abs=1)


def test_input_that_was_only_late_does_not_delay_what_comes_after() -> None:
    """After a stall of 400 ms five frames come at once. Three silent ones took their place, so two are heard."""
    metronome = Metronome(0.0)
    assert silence(metronome, 0.399) == 3
    assert metronome.heard(5, 0.4) == 3
    assert metronome.heard(1, 0.48) == 0


def test_a_pause_takes_nothing_from_the_speech_after_it() -> None:
    metronome = Metronome(0.0)
    assert silence(metronome, 10.0) > PAUSE_FRAMES
    assert metronome.heard(20, 10.0) == 0


def test_speech_that_was_sent_at_once_is_heard_before_silence_begins() -> None:
    metronome = Metronome(0.0)
    assert metronome.heard(12, 0.0) == 0
    assert metronome.due() == pytest.approx(12 * PERIOD + GAP_SECONDS)


def test_the_wait_for_the_beginning_is_no_gap_and_input_at_the_beginning_counts() -> None:
    metronome = Metronome(0.0)
    metronome.begin(9.0)
    assert metronome.due() == pytest.approx(9.0 + GAP_SECONDS)
    metronome = Metronome(0.0)
    metronome.heard(12, 9.0)
    metronome.begin(9.001)
    assert metronome.due() == pytest.approx(9.0 + 12 * PERIOD, abs=0.1)


def test_input_that_is_dropped_does_not_put_silence_off() -> None:
    metronome = Metronome(0.0)
    metronome.heard(20, 0.0)
    metronome.clear(0.1)
    assert metronome.due() == pytest.approx(0.1 + GAP_SECONDS)


def test_input_beyond_the_backlog_does_not_put_silence_off_for_ever() -> None:
    metronome = Metronome(0.0)
    metronome.heard(1000, 0.0)
    assert metronome.due() < 3.0
