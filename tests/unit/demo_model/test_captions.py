"""Which lines the words of a recording spell."""

import pytest

from demo_model.evaluation.captions import AFTER, BEFORE, LONGEST_GAP, Caption, captions_of, is_right
from demo_model.evaluation.conversing import Talk, Word, words_of

LINES = {
    "greeting": "Hello! I am here.",
    "wait": "I am waiting.",
    "see": "I see.",
}


def shown(text: str, start: float = 1.0, apart: float = 0.4) -> list[Word]:
    return [Word(start + number * apart, word) for number, word in enumerate(text.split())]


def found(words: list[Word]) -> list[tuple[str, str | None, bool]]:
    return [(" ".join(w.text for w in one.words), one.line, one.whole) for one in captions_of(words, LINES)]


def test_pieces_make_words() -> None:
    pieces = [(0.4, b" Hel"), (0.48, b"lo!"), (0.8, b" I"), (0.88, b" am")]
    assert words_of(pieces) == [Word(0.4, "Hello!"), Word(0.8, "I"), Word(0.88, "am")]


def test_the_first_piece_of_a_conversation_needs_no_space() -> None:
    assert words_of([(0.4, b"Hello!")]) == [Word(0.4, "Hello!")]


def test_whole_lines_and_beginnings() -> None:
    words = [*shown("Hello! I am here."), *shown("I am", 10), *shown("I see.", 20)]
    assert found(words) == [
        ("Hello! I am here.", "greeting", True),
        ("I am", "wait", False),
        ("I see.", "see", True),
    ]


def test_a_line_that_breaks_off_and_another_right_after_it_are_two() -> None:
    assert found([*shown("Hello! I"), *shown("I see.", 2.0)]) == [
        ("Hello! I", "greeting", False),
        ("I see.", "see", True),
    ]


def test_words_in_the_wrong_order_are_no_line() -> None:
    assert [line for _, line, _ in found(shown("here. Hello!"))] == [None, "greeting"]


def test_words_with_a_long_gap_between_them_are_two_captions() -> None:
    assert len(found(shown("I see.", apart=LONGEST_GAP))) == 1
    assert len(found(shown("I see.", apart=LONGEST_GAP + 0.08))) == 2


def one(text: str) -> Caption:
    (caption,) = captions_of(shown(text), LINES)
    return caption


def test_a_whole_line_is_right_whoever_talks() -> None:
    assert is_right(one("I see."), [])


def test_no_line_is_wrong_even_if_interrupted() -> None:
    assert not is_right(one("here."), [Talk(1.0, 3.0)])


@pytest.mark.parametrize(
    ("talk", "right"),
    [
        (Talk(1.4 - BEFORE, 9), True),
        (Talk(1.4 - BEFORE - 0.01, 9), False),
        (Talk(1.4 + AFTER, 9), True),
        (Talk(1.4 + AFTER + 0.01, 9), False),
    ],
)
def test_a_beginning_is_right_only_if_a_talk_starts_near_its_last_word(talk: Talk, right: bool) -> None:
    assert is_right(one("Hello! I"), [talk]) is right
    assert not is_right(one("Hello! I"), [])
