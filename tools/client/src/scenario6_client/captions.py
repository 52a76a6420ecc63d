"""A conversation on a terminal: Moshi's words as they come, and lines about its state between them."""

import os
from collections.abc import Callable
from typing import TextIO

from moshi_service.protocol.events import PrefillEvent, QueueEvent, ServerEvent, SessionEvent, WarningEvent

PAUSE_SECONDS = 1.5
"""After a pause of Moshi's the next word begins a line."""

_WARNINGS = {
    "session": "its time will be over",
    "idle": "no sound comes from here",
    "draining": "the service stops",
}


class Terminal:
    """Words go to one stream and states to another, so that a file gets only the words."""

    def __init__(self, words: TextIO, states: TextIO, clock: Callable[[], float]) -> None:
        self._words, self._states, self._clock = words, states, clock
        self._in_line = False
        self._spoke = 0.0
        self._said = ""

    def caption(self, piece: str) -> None:
        """A piece of Moshi's words, with its own spaces."""
        now = self._clock()
        if self._in_line and now - self._spoke > PAUSE_SECONDS and piece[:1].isspace():
            self.end_line()
        text = piece if self._in_line else piece.lstrip()
        if text:
            write(self._words, text)
            self._in_line, self._spoke = True, now

    def state(self, text: str) -> None:
        """A line about the conversation. The same line does not come twice in a row."""
        if text == self._said:
            return
        self._said = text
        self.end_line()
        write(self._states, f"scenario6: {text}\n")

    def end_line(self) -> None:
        """Ends the line of words, if one has begun."""
        if self._in_line:
            write(self._words, "\n")
            self._in_line = False


def write(stream: TextIO, text: str) -> None:
    """Write at once. If the reader of a pipe has left, as `head` does, the rest goes nowhere: the conversation and its
    files do not depend on it."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The stream still holds the text, and would fail again when the process ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def state_of(event: ServerEvent) -> str | None:
    """A line about an event; none for those that say nothing to a person."""
    match event:
        case QueueEvent(position=position, wait_seconds=None):
            return f"in the queue: place {position}"
        case QueueEvent(position=position, wait_seconds=seconds):
            return f"in the queue: place {position}, about {seconds} s"
        case PrefillEvent(done=done, total=total):
            return f"the model reads voice and role: {100 * done // max(1, total)} %"
        case SessionEvent(id=id_):
            return f"session {id_}"
        case WarningEvent(why=why, seconds=seconds):
            return f"{_WARNINGS[why]}: the conversation ends in {seconds} s"
        case _:
            return None
