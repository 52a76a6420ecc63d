"""How wrong a listener is, in words."""

import pytest

from demo_model.listening import word_errors, words_of


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [
        ("Say something, and I will answer.", "say something and I will answer", 0),
        ("Say something, and I will answer.", "Say something and will answer.", 1),
        ("Say something, and I will answer.", "Say something, and I will not answer.", 1),
        ("Say something, and I will answer.", "Say some thing and I'll answer.", 4),
        ("I see.", "", 2),
        ("I see.", "Icy.", 2),
        ("I see.", "You see, I see what you see.", 5),
        ("It's me.", "Its me.", 1),
    ],
)
def test_wrong_missing_and_added_words_count_one_each(reference: str, heard: str, errors: int) -> None:
    assert word_errors(reference, heard) == (errors, len(words_of(reference)))


def test_more_can_be_wrong_than_there_is() -> None:
    assert word_errors("I see.", "one two three four") == (4, 2)
