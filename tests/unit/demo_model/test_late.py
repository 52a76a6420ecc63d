"""The scenes that follow a long talk in the same conversation."""

from collections.abc import Iterator

import numpy as np
import pytest

from demo_model.evaluation import late
from demo_model.evaluation.callers import Caller, Habits
from demo_model.evaluation.conversing import FRAME, SAMPLE_RATE, Recording, Samples, Talk, Word
from demo_model.evaluation.late import ABOVE_NOISE, KINDS, LongCall, Past, Scene
from demo_model.evaluation.material import Lines
from demo_model.evaluation.rooms import DISTURBANCES, ECHO_LEVELS, Room

VOICE = [np.sin(np.arange(SAMPLE_RATE) * 0.05).astype(np.float32)]
"""One second."""
LINES = Lines(
    {"greeting": "Hello! I am here.", "answer": "That is nice.", "idle": "Still there.", "see": "I see."},
    "greeting",
    "idle",
    "see",
)
SILENCE = np.zeros(FRAME, dtype=np.float32)


def long_call(seconds: float, *coming: Scene) -> LongCall:
    caller = Caller(np.random.default_rng(1), VOICE, Habits((1, 0, 0), noise=(-90, -90)))
    return LongCall(caller, seconds, iter(coming))


def scene(kind: str, seconds: float) -> Scene:
    return Scene(kind, Room(np.full(FRAME, 0.01, dtype=np.float32)), np.full(SAMPLE_RATE, 0.5, np.float32), seconds)


def heard(call: LongCall, seconds: float) -> Samples:
    return np.concatenate([call.microphone(SILENCE) for _ in range(round(seconds * SAMPLE_RATE / FRAME))])


def test_scenes_follow_the_talk_each_with_its_speech_and_its_sound() -> None:
    call = long_call(2, scene("noise", 4), scene("music", 8))
    microphone = heard(call, 16)
    assert [past.kind for past in call.past] == ["noise", "music"]
    for past, seconds in zip(call.past, (4, 8), strict=True):
        assert past.talk in call.talks
        assert past.end == pytest.approx(past.talk.start - 0.96 + seconds, abs=0.08)
        first, last, end = (round(second * SAMPLE_RATE) for second in (past.talk.start, past.talk.end, past.end))
        np.testing.assert_allclose(microphone[first - late.LEAD : first], 0.01, atol=1e-6)  # the room alone
        np.testing.assert_allclose(microphone[first:last], 0.51, atol=1e-6)
        np.testing.assert_allclose(microphone[last:end], 0.01, atol=1e-6)
    assert call.past[1].talk.start == pytest.approx(call.past[0].end + 0.96)
    assert (microphone[round(call.past[1].end * SAMPLE_RATE) :] == 0).all()


def test_the_caller_may_finish_what_they_say() -> None:
    call = long_call(3.6, scene("noise", 4))  # without any sound from the model, they begin to talk after 3.5 s
    heard(call, 12)
    talk, *_ = call.talks
    assert talk.start < 3.6 < talk.end
    assert talk.end <= call.past[0].talk.start - 0.96 < talk.end + 0.081


def drawn(conversations: int, rounds: int) -> Iterator[Scene]:
    for number in range(conversations):
        yield from late.scenes(VOICE, number, rounds, 1)


def test_all_conversations_together_have_each_kind_and_level_alike_often() -> None:
    made = list(drawn(4, 2))
    assert [one.kind for one in made] == list(KINDS) * 8
    echoes = [round(20 * np.log10(one.room.echo)) for one in made if one.kind == "own echo"]
    assert sorted(echoes) == sorted([round(level) for level in ECHO_LEVELS] * 2)
    for one in made:
        level = 20 * np.log10(one.speech.std())
        noise = 20 * np.log10(one.room.sound.std())
        if one.kind == ABOVE_NOISE:
            assert level - noise == pytest.approx(10, abs=0.1)
        else:
            assert level == pytest.approx(late.VOICE, abs=0.1)
            assert one.kind == "key clicks" or noise < late.VOICE - 11


PAST = Past("noise", Talk(1, 3), 20)


def recording(*said: tuple[str, float, float]) -> Recording:
    """Words from a start on, with a sound from there to an end."""
    played = np.zeros(25 * SAMPLE_RATE, dtype=np.float32)
    words = []
    for text, start, end in said:
        played[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0.1
        words += [Word(start + 0.24 * number, word) for number, word in enumerate(text.split())]
    return Recording(played, words, [PAST.talk])


@pytest.mark.parametrize(
    ("said", "calm"),
    [
        ((), True),
        ((("That is nice.", 3.5, 5),), True),
        ((("That is nice.", 3.5, 5), ("Still there.", 13, 14)), True),
        ((("That is nice.", 3.5, 5), ("Still there.", 19, 21)), True),  # the next talk cuts it off
        ((("That is", 3.5, 4),), False),  # interrupted
        ((("That is nice.", 3.5, 5), ("That is nice.", 8, 9)), False),  # answered a noise
        ((("That is nice.", 3.5, 5), ("Still", 13, 13.3)), False),
        ((("That is", 0.2, 1.3), ("That is nice.", 3.5, 5)), True),  # the user interrupted it
        ((("I see.", 3.05, 3.4), ("That is nice.", 4.1, 5)), True),  # the user still talked when it decided
    ],
)
def test_undisturbed_is_one_whole_answer_and_then_the_line_for_silence(
    said: tuple[tuple[str, float, float], ...], calm: bool
) -> None:
    assert late.undisturbed(PAST, recording(*said), LINES) is calm


@pytest.mark.parametrize(("start", "right"), [(2.5, False), (3.5, True), (4.9, True), (5.2, False)])
def test_an_answer_begins_soon_after_the_talk(start: float, right: bool) -> None:
    assert late.answered(PAST, recording(("That is nice.", start, start + 1)), LINES) is right


def test_each_kind_is_judged_by_its_own_scenes() -> None:
    call = long_call(1)
    call.past = [Past("noise", Talk(1, 3), 6), Past(ABOVE_NOISE, Talk(6, 8), 14), Past("music", Talk(15, 16), 24)]
    whole = recording(("That is nice.", 3.5, 5), ("That is", 17, 17.5))
    criteria = {criterion.name: criterion for criterion in late.judge([call], [whole], LINES, 1)}
    assert len(criteria) == len(DISTURBANCES) + 1
    assert criteria["noise: neither interrupted nor answered"].value == 1
    assert criteria["music: neither interrupted nor answered"].value == 0
    assert criteria["a voice 10 dB above noise: answers a turn"].value == 0
    assert criteria["own echo: neither interrupted nor answered"].events == 0
    assert not criteria["own echo: neither interrupted nor answered"].passed
