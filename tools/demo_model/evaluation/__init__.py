"""Measures whether the demo model does what it promises, on the product's own model code (`BatchedModel`).

The criteria are those that the project decided on before it trained the model. Seeds are fixed. Voices and kinds of
music are ones that training never has. `events` says exactly how each event is measured.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from demo_model.evaluation import cost, disturbances, late, material, speech, turns
from demo_model.evaluation.callers import OVER_NOISE, USUAL, Habits
from demo_model.evaluation.conversing import Recording, conversations, converse, load
from demo_model.evaluation.material import Material
from demo_model.evaluation.report import Criterion, Report
from demo_model.evaluation.rooms import quiet_rooms
from demo_model.evaluation.speech import Take
from demo_model.evaluation.turns import Amount
from moshi_backend.model.batch import BatchedModel

__all__ = ["FULL", "SMALL", "SMALL_BFLOAT16", "Evaluation", "Report", "Size", "evaluate"]

RANDOM_MODEL = Path(__file__).parents[3] / "tests" / "fixtures" / "random_model"
SEED = 19
LONGEST_TALK = 20.0
"""Seconds. So long may a talk last that begins at the end of the long talk."""


@dataclass(frozen=True)
class Size:
    """The number of events of each kind.

    Attributes:
        slots: conversations that one batch holds.
        calls: conversations with users who take turns and interrupt.
        noisy_calls: users 10 dB above loud noise.
        greetings: connections.
        rooms: conversations for each kind of disturbance.
        silences: conversations in which nobody speaks.
        talks: long conversations with users.
        late: seconds of a long conversation after which its turns are judged.
        rounds: of disturbances that follow in each long conversation.
        takes: of each line, for speech recognition and the distance from the originals.
        every_line: a line that was never said is a failure.
    """

    slots: int
    calls: Amount
    noisy_calls: Amount
    greetings: Amount
    rooms: Amount
    silences: Amount
    talks: Amount | None
    late: float
    rounds: int
    takes: int
    every_line: bool


FULL = Size(
    slots=16,
    calls=Amount(45, 90, 100),
    noisy_calls=Amount(36, 60, 100),
    greetings=Amount(100, 2, 100),
    rooms=Amount(100, 20, 100),
    silences=Amount(112, 600, 100),
    talks=Amount(16, 870, 100),
    late=600,
    rounds=7,
    takes=9,
    every_line=True,
)
SMALL = Size(
    slots=16,
    calls=Amount(16, 24, 12, spared=1),
    noisy_calls=Amount(8, 16, 8, spared=1),
    greetings=Amount(16, 2, 16),
    rooms=Amount(8, 14, 8, spared=1),
    silences=Amount(4, 60, 4),
    talks=None,
    late=0,
    rounds=0,
    takes=1,
    every_line=False,
)


SMALL_BFLOAT16 = replace(SMALL, calls=Amount(8, 16, 2, spared=1), rooms=Amount(2, 14, 2))


class Evaluation:
    """The parts of the evaluation of one checkpoint. Parts that need the same conversations share them."""

    PARTS = ("speech", "turns", "noise", "disturbances", "long")
    """The names of the methods."""

    def __init__(self, checkpoint: Path | str, given: Material, size: Size, dtype: torch.dtype = torch.float32) -> None:
        self._checkpoint, self._material, self._size, self._dtype = checkpoint, given, size, dtype
        self._lines = given.lines
        self.report = Report()

    @cached_property
    def _model(self) -> BatchedModel:
        return load(self._checkpoint, self._size.slots, self._dtype)

    @cached_property
    def _calls(self) -> list[Recording]:
        return self._call(self._size.calls)

    def _call(self, amount: Amount, habits: Habits = USUAL) -> list[Recording]:
        parties = turns.callers(self._material, amount.conversations, habits, SEED)
        return converse(self._model, parties, amount.seconds, SEED)

    def _add(self, title: str, criteria: list[Criterion], notes: Iterable[str] = ()) -> None:
        precision = "" if self._dtype == torch.float32 else f", in {str(self._dtype).removeprefix('torch.')}"
        self.report.add(title + precision, criteria, notes)

    def speech(self) -> None:
        """Whether one understands each line, as it is played in conversations."""
        quiet = converse(self._model, quiet_rooms(self._size.takes, SEED), 30, SEED)
        takes = speech.takes_of([*quiet, *self._calls], self._lines, self._size.takes)
        lines = len(self._lines.texts)
        needed, spared = (lines, 0) if self._size.every_line else (lines // 2, 1)
        criteria, notes = speech.understood(takes, self._lines, needed, spared)
        self._add("Speech", [*criteria, *self._fidelity(takes)], notes)

    def _fidelity(self, takes: Mapping[str, Sequence[Take]]) -> list[Criterion]:
        """How near `takes` are to the originals, where there are any."""
        given = self._material
        return speech.fidelity(takes, given.originals, given.onsets) if given.originals else []

    def turns(self) -> None:
        """Whether it greets, answers, waits and stops."""
        calls, amount = self._calls, self._size.calls
        criteria = [
            turns.judge_greetings(self._model, self._lines, self._size.greetings, SEED),
            *turns.judge_turns(turns.all_turns(calls, self._lines), amount.needed, amount.spared),
            turns.judge_captions(calls, self._lines, amount.needed, amount.spared),
        ]
        self._add("Turns", criteria, turns.describe(calls, self._material))

    def noise(self) -> None:
        """Whether it hears users who are 10 dB above the noise."""
        amount = self._size.noisy_calls
        calls = self._call(amount, OVER_NOISE)
        answers, *_ = turns.judge_turns(turns.all_turns(calls, self._lines), amount.needed, amount.spared)
        self._add("A voice 10 dB above noise of -45 to -30 dBFS", [answers])

    def disturbances(self) -> None:
        """Whether sounds that are no voice leave it alone."""
        self._add("Nobody speaks", *disturbances.measure(self._model, self._lines, self._size.rooms, SEED))

    def long(self) -> None:
        """Whether long silence and long talk change anything."""
        amount = self._size.silences
        quiet = conversations(self._model, quiet_rooms(amount.conversations, SEED), amount.seconds, SEED)
        silence = disturbances.judge_silence(quiet, self._lines, amount.needed)
        self._add(f"{amount.seconds / 60:.0f} minutes of silence", [silence])
        if self._size.talks is not None:
            self._after_talk(self._size.talks)

    def _after_talk(self, amount: Amount) -> None:
        callers = turns.callers(self._material, amount.conversations, USUAL, SEED)
        calls = [
            late.LongCall(caller, amount.seconds, late.scenes(caller.voice, number, self._size.rounds, SEED))
            for number, caller in enumerate(callers)
        ]
        seconds = amount.seconds + LONGEST_TALK + self._size.rounds * late.ROUND_SECONDS
        recordings = converse(self._model, calls, seconds, SEED)
        talks = [recording.until(amount.seconds) for recording in recordings]
        criteria = [
            *turns.judge_turns(turns.all_turns(talks, self._lines, self._size.late), amount.needed, amount.spared),
            turns.judge_captions(talks, self._lines, amount.needed, amount.spared, self._size.late),
            *late.judge(calls, recordings, self._lines, amount.needed),
        ]
        lines = self._lines.without_greeting()
        takes = speech.takes_of(recordings, lines, self._size.takes, self._size.late)
        understood, notes = speech.understood(takes, lines, len(lines.texts))
        heard = [*understood, *self._fidelity(takes)]
        self._add(f"After {self._size.late / 60:.0f} minutes of talk", [*heard, *criteria], notes)

    def run(self, only: Collection[str] = ()) -> Report:
        """All parts, or those with these names."""
        for name in self.PARTS:
            if not only or name in only:
                getattr(self, name)()
        return self.report


TOGETHER: tuple[tuple[str, ...], ...] = (("speech", "turns"), ("noise",), ("disturbances",), ("long",))
"""The parts that a process measures one after the other. The first two share conversations."""


def _measured(checkpoint: Path, work: Path, parts: tuple[str, ...], dtype: torch.dtype) -> Report:
    """These parts of the full evaluation, in a process of their own."""
    torch.set_num_threads(1)
    # On a CPU, PyTorch's fused attention takes twice as long as two products when the numbers have 16 bits.
    with sdpa_kernel(SDPBackend.MATH) if dtype == torch.bfloat16 else nullcontext():
        return Evaluation(checkpoint, material.read(work), FULL, dtype).run(parts)


def evaluate(checkpoint: Path, work: Path) -> Report:
    """Every criterion for a checkpoint, with the recordings that `tools/train_demo` made in `work`.

    It has at least 100 events for each share, in 32 and in 16 bits, and uses every core.
    """
    report = Report()
    tasks = [(parts, dtype) for dtype in (torch.float32, torch.bfloat16) for parts in TOGETHER]
    longest_first = sorted(tasks, key=lambda task: "long" not in task[0])  # so that no core waits long for the last one
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        running = {task: processes.submit(_measured, checkpoint, work, *task) for task in longest_first}
        for task in tasks:
            report.sections += running[task].result().sections
    report.add("Cost", cost.measure(checkpoint, RANDOM_MODEL))
    return report
