"""Where utterances begin and end. The three numbers are written out here, so that a change of them is noticed."""

import numpy as np
import pytest

from moshi_backend.conversation.openai.utterances import Part, Sound, Utterances

LOUD, QUIET = 0.011, 0.0099
"""Just above and just below -40 dBFS, as a constant level."""


def sound(level: float = 0.0, text: str = "") -> Sound:
    return Sound(np.full(1920, level, np.float32), text)


def fed(*sounds: Sound) -> list[Part]:
    utterances = Utterances()
    return [utterances.feed(one) for one in sounds]


def test_silence_is_no_utterance() -> None:
    assert not any(part.sounds or part.begins or part.ends for part in fed(*[sound(QUIET)] * 50))


@pytest.mark.parametrize("first", [sound(LOUD), sound(0.0, " hm")])
def test_sound_or_text_begins_one_with_the_two_frames_before(first: Sound) -> None:
    parts = fed(*[sound()] * 5, first)
    assert [len(part.sounds) for part in parts] == [0, 0, 0, 0, 0, 3]
    assert parts[-1].begins and not parts[-1].ends


def test_twelve_quiet_frames_end_it_and_are_a_part_of_it() -> None:
    parts = fed(sound(LOUD), *[sound()] * 11, sound(LOUD), *[sound()] * 12, sound())
    assert [index for index, part in enumerate(parts) if part.ends] == [24]
    assert sum(len(part.sounds) for part in parts) == 25


def test_a_second_one_begins_with_its_own_lead() -> None:
    parts = fed(sound(LOUD), *[sound()] * 12, sound(), sound(LOUD))
    assert [index for index, part in enumerate(parts) if part.begins] == [0, 14]
    assert len(parts[14].sounds) == 2, "a quiet frame of the first one is not heard twice"


def test_one_that_does_not_end_is_cut_after_a_minute_and_goes_on_as_another() -> None:
    parts = fed(*[sound(LOUD)] * 1501)
    assert [index for index, part in enumerate(parts) if part.ends] == [749, 1499]
    assert [index for index, part in enumerate(parts) if part.begins] == [0, 750, 1500]


def test_the_model_pauses_after_twelve_quiet_frames_and_not_where_an_utterance_is_cut() -> None:
    parts = fed(*[sound(LOUD)] * 12, *[sound()] * 12, sound(), sound(LOUD))
    assert [index for index, part in enumerate(parts) if part.pauses] == [23, 24]
    parts = fed(*[sound(LOUD)] * 750, *[sound()] * 12)
    assert [index for index, part in enumerate(parts) if part.pauses] == [761]
