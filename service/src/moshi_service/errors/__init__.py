"""Errors as data: every error has a code, a text, a cause and a remedy.

An error is a function in a table. Its name is the code, its arguments vary, and it returns the text:

    @Row(cause="another program has the port", remedy="stop the program")
    def port_taken(port: int) -> str:
        return f"port {port} is in use"

    raise StartupError(table.port_taken(8080))  # [port-taken] port 8080 is in use

`make docs` writes docs/reference/troubleshooting.md from the tables. People search for codes, so a code never changes.

This package needs only the standard library of Python 3.11, because tools/vendoring uses it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, ParamSpec

P = ParamSpec("P")

VARIES = "…"
"""Stands for the varying parts of a text."""


@dataclass(frozen=True)
class Problem:
    """One error that happened.

    Attributes:
        code: its name in troubleshooting.md, e.g. `cannot-listen`.
        text: one line for people.
    """

    code: str
    text: str

    def __str__(self) -> str:
        """The line for a log or a terminal."""
        return f"[{self.code}] {self.text}"


class Entry(Generic[P]):  # noqa: UP046 - the syntax of Python 3.12
    """An error of a table. A call makes a `Problem` of it.

    If an argument is itself a `Problem`, it is the reason: its text is part of the text, and its code is the code,
    because its row has the remedy.
    """

    def __init__(self, row: "Row", words: Callable[P, str]) -> None:
        self.row = row
        self.code = words.__name__.replace("_", "-")
        self._words: Callable[..., str] = words

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Problem:
        """The error with these arguments."""
        reasons = [value for value in (*args, *kwargs.values()) if isinstance(value, Problem)]
        text = self._words(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})
        return Problem(reasons[0].code if reasons else self.code, text)

    @property
    def pattern(self) -> str:
        """The text, with `…` for each argument."""
        words = str(self._words(*(_Varying() for _ in inspect.signature(self._words).parameters)))
        return words.replace("\\u2026", VARIES)  # as `!a` writes it


@dataclass(frozen=True, eq=False)
class Row:
    """A row of troubleshooting.md, in Markdown. As a decorator it makes an `Entry`; several entries may share a row."""

    cause: str
    remedy: str

    def __call__(self, words: Callable[P, str]) -> Entry[P]:
        """The entry whose text the function `words` returns."""
        return Entry(self, words)


class ProblemError(Exception):
    """Carries a `Problem`. The message is its text."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class StartupError(ProblemError):
    """The process cannot start, and exits with `EXIT_CODE`."""

    EXIT_CODE = 3


class InvalidValue(ProblemError, ValueError):
    """A value cannot be used."""


def entries(table: ModuleType) -> list[Entry[...]]:
    """The errors of a table, in its order."""
    return [value for value in vars(table).values() if isinstance(value, Entry)]


def _plain(value: object) -> object:
    return value.text if isinstance(value, Problem) else value


class _Varying:
    """An argument whose every form is `…`."""

    def __str__(self) -> str:
        return VARIES

    __repr__ = __str__

    def __format__(self, form: str) -> str:
        return VARIES
