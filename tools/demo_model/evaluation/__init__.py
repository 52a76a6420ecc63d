"""Measures whether the demo model does what it promises, on the product's own model code (`BatchedModel`).

The criteria are those that the project decided on before it trained the model. Seeds are fixed. Voices and kinds of
music are ones that training never has. `events` says exactly how each event is measured.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from demo_model.evaluation import cost, disturbances, material, speech, turns
from demo_model.evaluation.callers import Habits
from demo_model.evaluation.conversing import Recording, converse, load
from demo_model.evaluation.material import Material
from demo_model.evaluation.report import Report
from demo_model.evaluation.rooms import quiet_rooms
from demo_model.evaluation.turns import Amount
from moshi_backend.model.batch import BatchedModel

__all__ = ["FULL", "SMALL", "Evaluation", "Report", "Size", "evaluate"]

RANDOM_MODEL = Path(__file__).parents[3] / "tests" / "fixtures" / "random_model"
SEED = 19

USUAL = Habits()
OVER_NOISE = Habits(shares=(1.0, 0.0, 0.0), noise=(-45.0, -30.0), above_noise=10.0)


@dataclass(frozen=True)
class Size:
    """The number of events of each kind.

    Attributes:
        slots: conversations that one batch holds.
        calls: conversations with users who take turns and interrupt.
        noisy_calls: users 10 dB above loud noise.
        greetings: connections.
        rooms: conversations for each kind of disturbance.
        bfloat16_calls, bfloat16_rooms: the same in 16 bits, which takes a CPU three times as long.
        silences, talks: conversations of equal length; `talks` are judged by their last third.
        takes: of each line, for speech recognition.
        every_line: a line that was never said is a failure.
    """

    slots: int
    calls: Amount
    noisy_calls: Amount
    greetings: Amount
    rooms: Amount
    bfloat16_calls: Amount
    bfloat16_rooms: Amount
    silences: Amount
    talks: Amount | None
    takes: int
    every_line: bool


FULL = Size(
    slots=32,
    calls=Amount(45, 90, 100),
    noisy_calls=Amount(36, 60, 100),
    greetings=Amount(100, 2, 100),
    rooms=Amount(100, 20, 100),
    bfloat16_calls=Amount(45, 90, 100),
    bfloat16_rooms=Amount(100, 20, 100),
    silences=Amount(16, 600, 16),
    talks=Amount(16, 600, 100),
    takes=6,
    every_line=True,
)
SMALL = Size(
    slots=16,
    calls=Amount(16, 24, 12, spared=1),
    noisy_calls=Amount(8, 16, 8, spared=1),
    greetings=Amount(16, 2, 16),
    rooms=Amount(8, 14, 8, spared=1),
    bfloat16_calls=Amount(8, 16, 2, spared=1),
    bfloat16_rooms=Amount(2, 14, 2),
    silences=Amount(4, 60, 4),
    talks=None,
    takes=1,
    every_line=False,
)


class Evaluation:
    """The parts of the evaluation of one checkpoint. Parts that need the same conversations share them."""

    def __init__(self, checkpoint: Path | str, given: Material, size: Size) -> None:
        self._checkpoint, self._material, self._size = checkpoint, given, size
        self._lines = given.lines
        self.report = Report()
        self.parts: dict[str, Callable[[], None]] = {
            "speech": self.speech,
            "turns": self.turns,
            "noise": self.noise,
            "disturbances": self.disturbances,
            "long": self.long,
            "bfloat16": self.bfloat16,
        }

    @cached_property
    def _model(self) -> BatchedModel:
        return load(self._checkpoint, self._size.slots, torch.float32)

    @cached_property
    def _calls(self) -> list[Recording]:
        return self._call(self._model, self._size.calls)

    def _call(self, model: BatchedModel, amount: Amount, habits: Habits = USUAL) -> list[Recording]:
        parties = turns.callers(self._material, amount.conversations, habits, SEED)
        return converse(model, parties, amount.seconds, SEED)

    def speech(self) -> None:
        """Whether one understands each line, as it is played in conversations."""
        quiet = converse(self._model, quiet_rooms(self._size.takes, SEED), 30, SEED)
        takes = speech.takes_of([*quiet, *self._calls], self._lines, self._size.takes)
        lines = len(self._lines.texts)
        needed, spared = (lines, 0) if self._size.every_line else (lines // 2, 1)
        criteria, notes = speech.understood(takes, self._lines, needed, spared)
        if self._material.originals:
            criteria += speech.fidelity(takes, self._material.originals, self._material.onsets)
        self.report.add("Speech", criteria, notes)

    def turns(self) -> None:
        """Whether it greets, answers, waits and stops."""
        self._judge("Turns", self._model, self._calls, self._size.calls)

    def _judge(self, title: str, model: BatchedModel, calls: Sequence[Recording], amount: Amount) -> None:
        criteria = [
            turns.judge_greetings(model, self._lines, self._size.greetings, SEED),
            *turns.judge_turns(turns.all_turns(calls, self._lines), amount.needed, amount.spared),
            turns.judge_captions(calls, self._lines, amount.needed, amount.spared),
        ]
        self.report.add(title, criteria, turns.describe(calls, self._material))

    def noise(self) -> None:
        """Whether it hears users who are 10 dB above the noise."""
        amount = self._size.noisy_calls
        calls = self._call(self._model, amount, OVER_NOISE)
        answers, *_ = turns.judge_turns(turns.all_turns(calls, self._lines), amount.needed, amount.spared)
        self.report.add("A voice 10 dB above noise of -45 to -30 dBFS", [answers])

    def disturbances(self) -> None:
        """Whether sounds that are no voice leave it alone."""
        self.report.add("Nobody speaks", *disturbances.measure(self._model, self._lines, self._size.rooms, SEED))

    def long(self) -> None:
        """Whether long silence and long talk change anything. One batch holds both."""
        silences, talks = self._size.silences, self._size.talks
        parties = quiet_rooms(silences.conversations, SEED)
        if talks is not None:
            parties += turns.callers(self._material, talks.conversations, USUAL, SEED)
        recordings = converse(self._model, parties, silences.seconds, SEED)
        quiet, calls = recordings[: silences.conversations], recordings[silences.conversations :]
        criteria = [disturbances.judge_silence(quiet, self._lines, silences.needed)]
        title = f"{silences.seconds / 60:.0f} minutes of silence"
        if talks is not None:
            late = talks.seconds * 2 / 3
            criteria += turns.judge_turns(turns.all_turns(calls, self._lines, late), talks.needed, talks.spared)
            criteria.append(turns.judge_captions(calls, self._lines, talks.needed, talks.spared, late))
            title += f"; the last third of {talks.seconds / 60:.0f} minutes of talk"
        self.report.add(title, criteria)

    def bfloat16(self) -> None:
        """The turns and the disturbances once more, with weights of 16 bits."""
        model = load(self._checkpoint, self._size.slots, torch.bfloat16)
        amount = self._size.bfloat16_calls
        self._judge("Turns, in bfloat16", model, self._call(model, amount), amount)
        found = disturbances.measure(model, self._lines, self._size.bfloat16_rooms, SEED)
        self.report.add("Nobody speaks, in bfloat16", *found)

    def run(self, only: Collection[str] = ()) -> Report:
        """All parts, or those with these names."""
        for name, part in self.parts.items():
            if not only or name in only:
                part()
        return self.report


def evaluate(checkpoint: Path, work: Path, *, small: bool) -> Report:
    """Every criterion for a checkpoint, with the recordings that `tools/train_demo` made in `work`.

    The full evaluation has at least 100 events for each share and takes about 20 minutes on one core. The small one
    leaves out the long talk and the duration of a step.
    """
    report = Evaluation(checkpoint, material.read(work), SMALL if small else FULL).run()
    if not small:
        report.add("Cost", cost.measure(checkpoint, RANDOM_MODEL))
    return report
