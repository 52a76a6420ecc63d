"""The result of an evaluation: criteria with their bounds, as a table for the terminal and for
docs/evidence/demo-model.md."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


@dataclass(frozen=True)
class Criterion:
    """One measured value and its bound.

    Attributes:
        events: how many events the value is from.
        needed: with fewer events it fails: too little was measured.
        at_most: the bound is an upper one.
        unit: "%" for a share, whose value and bound are then in 0..1; else what is printed after the number.
        spared: for a share, so many events may fail besides the bound. Few events cannot show a small share.
    """

    name: str
    value: float
    bound: float
    events: int
    needed: int = 1
    at_most: bool = False
    unit: str = "%"
    spared: int = 0

    @property
    def passed(self) -> bool:
        if self.events < self.needed or math.isnan(self.value):
            return False
        spared = self.spared / self.events if self.events else 0.0
        if self.at_most:
            return self.value <= self.bound + spared + 1e-9
        return self.value >= self.bound - spared - 1e-9

    def _number(self, value: float) -> str:
        if math.isnan(value):
            return "none"
        return f"{value * 100:.1f} %" if self.unit == "%" else f"{value:.2f} {self.unit}".rstrip()

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Name, measured value, bound, events, verdict."""
        events = str(self.events) if self.events >= self.needed else f"{self.events}, needs {self.needed}"
        bound = ("≤ " if self.at_most else "≥ ") + self._number(self.bound)
        return self.name, self._number(self.value), bound, events, "pass" if self.passed else "FAIL"


def share(
    name: str, events: Iterable[bool], bound: float, needed: int, spared: int = 0, *, at_most: bool = False
) -> Criterion:
    """A criterion of the share of `events` that are true."""
    happened = list(events)
    value = sum(happened) / len(happened) if happened else math.nan
    return Criterion(name, value, bound, len(happened), needed, at_most, spared=spared)


@dataclass
class Report:
    """Sections of criteria, each with notes that have no bound.

    Attributes:
        sections: (title, criteria, notes), in the order in which they are printed.
    """

    sections: list[tuple[str, list[Criterion], list[str]]] = field(default_factory=list)

    def add(self, title: str, criteria: list[Criterion], notes: Iterable[str] = ()) -> None:
        self.sections.append((title, criteria, list(notes)))

    @property
    def criteria(self) -> list[Criterion]:
        return [criterion for _, criteria, _ in self.sections for criterion in criteria]

    @property
    def failed(self) -> list[Criterion]:
        return [criterion for criterion in self.criteria if not criterion.passed]

    @property
    def passed(self) -> bool:
        """Whether every criterion holds, and there is one."""
        return bool(self.criteria) and not self.failed

    def __str__(self) -> str:
        """For a terminal."""
        lines = []
        for title, criteria, notes in self.sections:
            lines.append(f"== {title}")
            for name, value, bound, events, verdict in (criterion.row for criterion in criteria):
                lines.append(f"   {verdict:4}  {name:58} {value:>9}  {bound:>9}  of {events}")
            lines += [f"         {note}" for note in notes]
        return "\n".join(lines)

    def markdown(self) -> str:
        """One table for all sections, and the notes below it."""
        lines = ["| | measured | bound | events | |", "|---|---|---|---|---|"]
        for title, criteria, _ in self.sections:
            lines.append(f"| **{title}** | | | | |")
            lines += ["| " + " | ".join(criterion.row) + " |" for criterion in criteria]
        notes = [f"- {title}: {note}." for title, _, notes in self.sections for note in notes]
        return "\n".join([*lines, "", *notes]).strip()


def with_table(document: str, report: Report) -> str:
    """`document` with the report between its markers.

    Raises:
        ValueError: the document does not have each marker once.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"the document needs one line {BEGIN} and, after it, one line {END}")
    table = f"{BEGIN}\n{report.markdown()}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _match: table, document, flags=re.DOTALL)
