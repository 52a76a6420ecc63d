"""Starts, stops and latencies, from sound that is made by hand: an error of one frame must show."""

import numpy as np
import pytest

from demo_model.evaluation.conversing import FRAME, SAMPLE_RATE, Recording, Samples, Talk, Word
from demo_model.evaluation.events import (
    ANSWER_WITHIN,
    AUDIBLE,
    LONGEST_PAUSE,
    REACTION,
    Turn,
    Utterance,
    audible,
    turns_of,
    utterances_of,
)

LINES = {"greeting": "Hello! I am here.", "answer": "That is nice.", "see": "I see."}


def sound(seconds: float, *parts: tuple[float, float], level: float = 0.05) -> Samples:
    """Silence with a sound of `level` from each start to each end."""
    played = np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
    for start, end in parts:
        played[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = level
    return played


def words(text: str, start: float, apart: float = 0.24) -> list[Word]:
    return [Word(start + number * apart, word) for number, word in enumerate(text.split())]


def utterances(played: Samples, shown: list[Word], talks: list[Talk] | None = None) -> list[Utterance]:
    found, silent = utterances_of(Recording(played, shown, talks or []), LINES)
    assert silent == []
    return found


def edges(found: list[Utterance]) -> list[tuple[float, float]]:
    return [(round(one.start, 3), round(one.end, 3)) for one in found]


def turns(played: Samples, shown: list[Word], *talks: Talk) -> list[Turn]:
    recording = Recording(played, shown, list(talks))
    return turns_of(recording, utterances_of(recording, LINES)[0], "see")


def test_audible_is_what_is_above_the_threshold() -> None:
    assert audible(np.full(480, AUDIBLE * 1.01, dtype=np.float32)).tolist() == [True, True]
    assert audible(np.full(480, AUDIBLE * 0.99, dtype=np.float32)).tolist() == [False, False]


def test_an_utterance_has_edges_of_10_ms() -> None:
    assert edges(utterances(sound(3, (0.56, 1.23)), [])) == [(0.56, 1.23)]


def test_a_pause_joins_and_a_longer_one_parts() -> None:
    joined = sound(5, (1, 2), (2 + LONGEST_PAUSE, 4))
    parted = sound(5, (1, 2), (2 + LONGEST_PAUSE + 0.02, 4))
    assert edges(utterances(joined, [])) == [(1, 4)]
    assert edges(utterances(parted, [])) == [(1, 2), (2.62, 4)]


def test_a_click_is_no_utterance() -> None:
    assert utterances(sound(3, (1, 1.09)), []) == []
    assert edges(utterances(sound(3, (1, 1.1)), [])) == [(1, 1.1)]


def test_another_line_in_the_same_sound_is_another_utterance() -> None:
    shown = [*words("I see.", 1.0), *words("That is nice.", 1.84)]
    found = utterances(sound(4, (1.02, 1.5), (1.87, 3)), shown)
    assert edges(found) == [(1.02, 1.5), (1.87, 3)]
    assert [one.caption.line for one in found if one.caption] == ["see", "answer"]


def test_captions_without_sound_are_found() -> None:
    recording = Recording(sound(9, (3, 4)), [*words("I see.", 1), *words("That is nice.", 3), *words("I see.", 7)])
    found, silent = utterances_of(recording, LINES)
    assert [one.caption.line for one in found if one.caption] == ["answer"]
    assert [caption.start for caption in silent] == [1, 7]


def test_sound_without_a_caption_is_found() -> None:
    assert [one.caption for one in utterances(sound(3, (1, 2)), [])] == [None]


@pytest.mark.parametrize("late", [0.40, 0.48, 0.56])
def test_latency_is_from_the_end_of_the_voice_to_the_first_sound(late: float) -> None:
    (turn,) = turns(sound(9, (2.5 + late, 6)), words("That is nice.", 2.5 + late), Talk(1, 2.5))
    assert turn.latency == pytest.approx(late, abs=0.001)
    assert (turn.early, turn.stopped, turn.judged) == (False, None, True)


def test_a_start_before_the_end_of_the_voice_is_early_and_no_answer() -> None:
    (turn,) = turns(sound(9, (2.42, 6)), words("That is nice.", 2.4), Talk(1, 2.5))
    assert turn.early
    assert turn.latency is None


def test_a_start_that_could_not_know_of_the_voice_is_not_early() -> None:
    (known,) = turns(sound(9, (1 + REACTION + 0.01, 6)), [], Talk(1, 5))
    (unknown,) = turns(sound(9, (1 + REACTION, 6)), [], Talk(1, 5))
    assert known.early
    assert not unknown.early


def test_a_late_start_is_no_answer() -> None:
    (answered,) = turns(sound(9, (2 + ANSWER_WITHIN - 0.01, 6)), [], Talk(1, 2))
    (late,) = turns(sound(9, (2 + ANSWER_WITHIN, 6)), [], Talk(1, 2))
    assert answered.latency is not None
    assert late.latency is None
    assert late.judged


def test_a_turn_without_time_for_an_answer_is_not_judged() -> None:
    first, last = turns(sound(6), [], Talk(1, 2), Talk(3.9, 4.5))
    assert not first.judged
    assert not last.judged


def test_an_answer_to_a_later_talk_does_not_answer_an_earlier_one() -> None:
    first, second = turns(sound(9, (3.5, 6)), [], Talk(1, 2), Talk(2.5, 3))
    assert first.latency is None
    assert second.latency == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("late", [0.24, 0.48, 0.56])
def test_a_stop_is_from_the_start_of_the_voice_to_the_last_sound(late: float) -> None:
    played = sound(9, (1, 2 + late), (4.5, 6))
    shown = [*words("Hello! I am", 1), *words("That is nice.", 4.5)]
    (turn,) = turns(played, shown, Talk(2, 4))
    assert turn.stopped == pytest.approx(late, abs=0.001)
    assert turn.latency == pytest.approx(0.5, abs=0.001)
    assert not turn.early


def test_a_line_that_ended_whole_in_time_tells_nothing_of_stopping() -> None:
    shown = words("That is nice.", 1)
    (within,) = turns(sound(9, (1, 2.4)), shown, Talk(2, 4))
    (beyond,) = turns(sound(9, (1, 2.6)), shown, Talk(2, 4))
    assert within.stopped is None
    assert beyond.stopped == pytest.approx(0.6, abs=0.001)


def test_a_very_short_talk_interrupts_nothing() -> None:
    (turn,) = turns(sound(9, (1, 5)), words("Hello! I am", 1), Talk(2, 2.4))
    assert turn.stopped is None


def test_a_backchannel_is_neither_a_start_nor_an_answer() -> None:
    played = sound(12, (3, 3.5), (7.02, 7.5), (8.0, 9))
    shown = [*words("I see.", 3), *words("I see.", 7), *words("That is nice.", 8)]
    (turn,) = turns(played, shown, Talk(1, 6.8))
    assert turn.backchannels == 1
    assert not turn.early
    assert turn.latency == pytest.approx(1.2, abs=0.001)


def test_frames_of_the_clock_are_80_ms() -> None:
    assert FRAME / SAMPLE_RATE == 0.08
