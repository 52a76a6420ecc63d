"""What a trial says of two lots of tokens; the trial itself is in tests/contract."""

from vendoring.trial import _difference

BEFORE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_the_same_is_nothing() -> None:
    assert _difference(BEFORE, [list(frame) for frame in BEFORE]) == ""


def test_it_says_how_many_frames_differ_and_where_the_first_does() -> None:
    after = [[1, 2, 3], [4, 0, 0], [7, 8, 0]]
    assert _difference(BEFORE, after) == (
        "2 of 3 frames differ, the first is 1, in tokens 1, 2: [4, 5, 6] became [4, 0, 0]"
    )


def test_more_or_fewer_frames_differ() -> None:
    assert _difference(BEFORE, BEFORE[:2]) == "2 frames, not 3"


def test_what_fails_on_one_side_differs() -> None:
    assert _difference(BEFORE, "KeyError: 'a'") == "fails with KeyError: 'a'"
    assert _difference("KeyError: 'a'", BEFORE) == "failed before, with KeyError: 'a', and does not now"
