"""The behaviour that the demo model learns, on a voice activity written by hand."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from demo_model import dialogue, repertoire, tokenizer
from demo_model.dialogue import Spoken, converse
from demo_model.sentences import ANSWERS, BACKCHANNEL, GREETING, IDLE, INTERRUPTED, LINES

LENGTH = 30
"""Frames of every line, but of the back-channel."""
SHORT = 5
SILENCE = np.arange(8)


def line(number: int, frames: int) -> repertoire.Line:
    text = np.full(frames, tokenizer.PAD)
    text[0] = 10 + number
    return repertoire.Line(text, np.full((8, frames), 20 + number), np.full(frames * 4, number, np.float32))


REPERTOIRE = repertoire.Repertoire(
    {key: line(number, SHORT if key == BACKCHANNEL else LENGTH) for number, key in enumerate(LINES)}, SILENCE
)
GREETED = dialogue.GREETING_WAIT - 1
"""Frame in which the greeting starts: the frame before frame 0 counts as quiet."""


def activity(*stretches: tuple[int, bool]) -> NDArray[np.bool_]:
    return np.concatenate([np.full(frames, voice) for frames, voice in stretches])


def said(*stretches: tuple[int, bool], seed: int = 0, hesitates: float = 0) -> list[Spoken]:
    return converse(np.random.default_rng(seed), activity(*stretches), REPERTOIRE, hesitates)


def test_it_greets_and_then_speaks_once_more_in_a_long_silence() -> None:
    idle = GREETED + LENGTH + dialogue.IDLE_WAIT
    assert said((5_000, False)) == [Spoken(GREETING, GREETED, LENGTH), Spoken(IDLE, idle, LENGTH)]


def test_it_waits_with_its_greeting_while_a_user_talks() -> None:
    first, *_ = said((10, True), (60, False))
    assert first.key in ANSWERS  # there is something to answer
    assert first.start == 10 + dialogue.ANSWER_WAIT


def test_it_answers_after_the_user_stopped() -> None:
    _, answer, *more = said((50, False), (20, True), (50, False))
    assert (answer.key in ANSWERS, answer.start, answer.frames) == (True, 70 + dialogue.ANSWER_WAIT, LENGTH)
    assert not more


def test_a_few_answers_come_late_but_none_is_forgotten() -> None:
    turns = [(50, False), *[(20, True), (80, False)] * 200]
    ends = range(70, 100 * 200 + 70, 100)
    waits = [one.start - end for one, end in zip(said(*turns, hesitates=0.3)[1:], ends, strict=True)]
    late = [(wait - dialogue.ANSWER_WAIT) / dialogue.HESITATION for wait in waits]
    assert set(late) >= {0, 1, 2}
    assert all(times.is_integer() for times in late)
    assert 40 <= sum(times > 0 for times in late) <= 80


@pytest.mark.parametrize("pause", range(1, dialogue.ANSWER_WAIT))
def test_a_pause_between_words_is_not_the_end(pause: int) -> None:
    _, *more = said((50, False), (20, True), (pause, False), (20, True), (50, False))
    assert [one.start for one in more] == [90 + pause + dialogue.ANSWER_WAIT]


@pytest.mark.parametrize("frames", range(1, dialogue.INTERRUPTION))
def test_a_click_is_no_interruption(frames: int) -> None:
    assert said((GREETED + 10, False), (frames, True), (60, False)) == [Spoken(GREETING, GREETED, LENGTH)]


def test_it_stops_when_it_is_interrupted() -> None:
    begins = GREETED + 10
    greeting, answer = said((begins, False), (8, True), (60, False))
    assert greeting == Spoken(GREETING, GREETED, 10 + dialogue.INTERRUPTION)
    assert answer.start == begins + 8 + dialogue.ANSWER_WAIT


def test_only_the_silence_after_an_interruption_counts_as_a_stop() -> None:
    spoken = said((GREETED + 10, False), (8, True), (60, False))
    end = GREETED + 10 + dialogue.INTERRUPTION
    stopping = dialogue.stops(spoken, 100, REPERTOIRE)
    assert np.flatnonzero(stopping).tolist() == list(range(end, end + dialogue.STOPPING))
    assert not dialogue.stops(said((200, False)), 200, REPERTOIRE).any()


def test_it_often_says_that_it_was_interrupted() -> None:
    answers = [said((20, False), (8, True), (60, False), seed=seed)[1].key for seed in range(60)]
    assert 30 <= answers.count(INTERRUPTED) < 60
    assert set(answers) <= {INTERRUPTED, *ANSWERS}


def test_who_interrupts_the_last_sound_does_not_interrupt() -> None:
    start = GREETED + LENGTH - 1 - dialogue.INTERRUPTION
    for seed in range(30):
        assert INTERRUPTED not in [one.key for one in said((start, False), (9, True), (60, False), seed=seed)]


def test_it_never_gives_the_same_answer_twice_in_a_row() -> None:
    turns = [(50, False), *[(10, True), (60, False)] * 60]
    answers = [one.key for one in said(*turns)[1:]]
    assert len(answers) == 60
    assert set(answers) == set(ANSWERS)
    assert all(one != after for one, after in itertools.pairwise(answers))


def test_a_new_turn_allows_a_new_idle_line() -> None:
    silence = (3 * dialogue.IDLE_WAIT, False)
    keys = [one.key for one in said(silence, (10, True), silence, (10, True), silence)]
    assert [key for key in keys if key not in ANSWERS] == [GREETING, IDLE, IDLE, IDLE]


def test_a_long_talk_gets_a_back_channel_that_nobody_interrupts() -> None:
    wait = dialogue.BACKCHANNEL_WAIT
    _, *more = said((50, False), (3 * wait - 1, True), (50, False))
    assert [(one.key, one.start, one.frames) for one in more[:-1]] == [
        (BACKCHANNEL, 50 + wait, SHORT),
        (BACKCHANNEL, 50 + 2 * wait, SHORT),
    ]
    assert more[-1].key in ANSWERS


def test_tokens_are_a_line_its_beginning_and_silence() -> None:
    spoken = [Spoken(GREETING, 2, 4)]
    written = dialogue.tokens(spoken, 10, REPERTOIRE)
    assert written[0].tolist() == [3, 3, 10, 3, 3, 3, 3, 3, 3, 3]
    for codebook in range(8):
        assert written[1 + codebook].tolist() == [codebook] * 2 + [20] * 4 + [codebook] * 4
    assert dialogue.sound([Spoken(INTERRUPTED, 2, 4)], 10, 4, REPERTOIRE).tolist() == [0] * 8 + [10] * 16 + [0] * 16
