"""The behaviour that the model learns: a plain program that decides when to speak, from the user's voice activity.

The program sees the voice activity of a frame one frame later, as the model does. All waits are fixed numbers of
frames: sampling below a temperature of 1 prefers likely choices, so a start that is spread over many frames would
come late or never.

A few answers come later than that. From them, the model learns to answer after it missed the usual moment. Without
them it never saw a turn that still waits for its answer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_model.architecture import Audio
from demo_model.repertoire import Repertoire
from demo_model.sentences import ANSWERS, BACKCHANNEL, GREETING, IDLE, INTERRUPTED
from demo_model.tokenizer import PAD

GREETING_WAIT = 5  # quiet frames before the greeting
ANSWER_WAIT = 6  # quiet frames after which the user's turn is over: 0.48 s
HESITATES = 0.06  # usual chance that a due answer waits for `HESITATION` more frames; then it is due again
HESITATION = 4  # frames
INTERRUPTION = 3  # voiced frames that stop the demo: 0.24 s
PAUSE = 3  # quiet frames that do not end a stretch of voice
IDLE_WAIT = 100  # frames in which nobody speaks before the idle line: 8 s
BACKCHANNEL_WAIT = 70  # frames of talk before a back-channel: 5.6 s
NEARLY_DONE = 3  # last frames of a line, in which an interruption is none
STOPPING = 5  # first frames of the silence after an interruption


@dataclass(frozen=True)
class Spoken:
    """A line, or its beginning if the user interrupted it."""

    key: str
    start: int
    """Frame of the stream."""
    frames: int


class _Demo:
    """The state of the program between two frames."""

    def __init__(self, rng: np.random.Generator, repertoire: Repertoire, hesitates: float) -> None:
        self._rng = rng
        self._hesitates = hesitates
        self._lines = repertoire.lines
        self.spoken: list[Spoken] = []
        self._line: str | None = None
        self._started = 0
        self._owes: str | None = GREETING
        self._interrupted = False
        self._quiet = self._voiced = self._nobody = 0
        self._answer_wait = ANSWER_WAIT
        self._idle_allowed = True
        self._next_backchannel = BACKCHANNEL_WAIT
        self._last_answer = ""

    def hear(self, frame: int, voice: bool) -> None:
        """Take the voice activity of the frame before `frame`, and stop or start a line at `frame`."""
        if voice:
            self._voiced += 1
            self._quiet = self._nobody = 0
            self._answer_wait = ANSWER_WAIT
        else:
            self._quiet += 1
            self._nobody += 1
            if self._quiet > PAUSE:
                self._voiced = 0
                self._next_backchannel = BACKCHANNEL_WAIT
        if self._line:
            self._nobody = 0
            if frame - self._started == len(self._lines[self._line]):
                self._end(frame)
        if self._voiced >= INTERRUPTION:
            self._idle_allowed = True
            self._owes = "answer"
            if self._line and self._line != BACKCHANNEL:
                remaining = len(self._lines[self._line]) - (frame - self._started)
                self._interrupted = remaining > NEARLY_DONE
                self._end(frame)
        if not self._line:
            self._begin(frame, voice)

    def _begin(self, frame: int, voice: bool) -> None:
        if voice:
            if self._voiced >= self._next_backchannel:
                self._next_backchannel += BACKCHANNEL_WAIT
                self._line, self._started = BACKCHANNEL, frame
        elif self._owes == GREETING and self._quiet >= GREETING_WAIT:
            self._say(GREETING, frame)
        elif self._owes and self._quiet >= self._answer_wait:
            if self._rng.random() < self._hesitates:
                self._answer_wait += HESITATION
            else:
                self._say(self._answer(), frame)
        elif not self._owes and self._idle_allowed and self._nobody >= IDLE_WAIT:
            self._idle_allowed = False
            self._say(IDLE, frame)

    def _answer(self) -> str:
        if self._interrupted and self._rng.random() < 0.7:
            return INTERRUPTED
        answers = [key for key in ANSWERS if key != self._last_answer]
        self._last_answer = answers[self._rng.integers(len(answers))]
        return self._last_answer

    def _say(self, key: str, frame: int) -> None:
        self._line, self._started = key, frame
        self._owes, self._interrupted = None, False

    def _end(self, frame: int) -> None:
        assert self._line
        self.spoken.append(Spoken(self._line, self._started, frame - self._started))
        self._line = None

    def finish(self, frame: int) -> None:
        """The stream ends at `frame`."""
        if self._line:
            self._end(frame)


def converse(
    rng: np.random.Generator, voice: NDArray[np.bool_], repertoire: Repertoire, hesitates: float = HESITATES
) -> list[Spoken]:
    """The lines of a demo that listens to a user with the voice activity `voice` [frames].

    `hesitates` is the chance that a due answer waits for `HESITATION` more frames; then it is due again.
    """
    demo = _Demo(rng, repertoire, hesitates)
    for frame in range(len(voice)):
        demo.hear(frame, bool(frame and voice[frame - 1]))
    demo.finish(len(voice))
    return demo.spoken


def tokens(spoken: list[Spoken], frames: int, repertoire: Repertoire) -> NDArray[Any]:
    """Text and codes of the model: [1 + codebooks, frames]."""
    written = np.concatenate([[PAD], repertoire.silence])[:, None].repeat(frames, 1)
    for one in spoken:
        line = repertoire.lines[one.key]
        written[0, one.start : one.start + one.frames] = line.text[: one.frames]
        written[1:, one.start : one.start + one.frames] = line.codes[:, : one.frames]
    return written


def stops(spoken: list[Spoken], frames: int, repertoire: Repertoire) -> NDArray[np.bool_]:
    """Whether an interruption has just ended a line: [frames]."""
    stopping = np.zeros(frames, bool)
    for one in spoken:
        if one.frames < len(repertoire.lines[one.key]):
            stopping[one.start + one.frames :][:STOPPING] = True
    return stopping


def sound(spoken: list[Spoken], frames: int, frame_size: int, repertoire: Repertoire) -> Audio:
    """The sound of the model: [frames * frame_size]."""
    audio = np.zeros(frames * frame_size, np.float32)
    for one in spoken:
        part = repertoire.lines[one.key].audio[: one.frames * frame_size]
        audio[one.start * frame_size :][: len(part)] = part
    return audio
