"""A conversation on a terminal."""

import io

import pytest

from moshi_service.protocol.events import EndEvent, PrefillEvent, QueueEvent, ServerEvent, SessionEvent, WarningEvent
from scenario6_client.captions import Terminal, state_of


class Screen:
    def __init__(self) -> None:
        self.now = 0.0
        self.words, self.states = io.StringIO(), io.StringIO()
        self.terminal = Terminal(self.words, self.states, lambda: self.now)

    def hears(self, *pieces: str, pause: float = 0.1) -> None:
        for piece in pieces:
            self.now += pause
            self.terminal.caption(piece)


def test_pieces_become_words_and_a_pause_begins_a_line() -> None:
    screen = Screen()
    screen.hears(" Hel", "lo", " there.")
    screen.hears(" And", pause=2.0)
    screen.hears("roid", pause=2.0)  # a word goes on
    screen.terminal.end_line()
    screen.terminal.end_line()
    assert screen.words.getvalue() == "Hello there.\nAndroid\n"


def test_a_state_ends_the_line_of_words_and_goes_elsewhere() -> None:
    screen = Screen()
    screen.hears(" Hello")
    screen.terminal.state("the service stops")
    screen.terminal.state("the service stops")
    screen.hears(" again")
    assert screen.words.getvalue() == "Hello\nagain"
    assert screen.states.getvalue() == "scenario6: the service stops\n"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (QueueEvent(position=2, wait_seconds=None), "in the queue: place 2"),
        (QueueEvent(position=1, wait_seconds=30), "in the queue: place 1, about 30 s"),
        (PrefillEvent(done=5, total=20, seconds=None), "the model reads voice and role: 25 %"),
        (PrefillEvent(done=0, total=0, seconds=None), "the model reads voice and role: 0 %"),
        (WarningEvent(why="draining", seconds=9), "the service stops: the conversation ends in 9 s"),
        (EndEvent(code=1000, reason="finished"), None),
    ],
)
def test_events_that_a_person_wants_to_know(event: ServerEvent, line: str | None) -> None:
    assert state_of(event) == line


def test_the_session_has_its_name() -> None:
    settings = {f"{kind}_{name}": 1 for kind in ("text", "audio") for name in ("temperature", "topk", "seed")}
    assert state_of(SessionEvent.model_validate({"id": "c0ffee", "settings": settings})) == "session c0ffee"
