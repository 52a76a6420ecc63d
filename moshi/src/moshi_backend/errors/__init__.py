"""Errors for people who run the service. The modules beside this one are the tables; `moshi_service.errors` explains
them. Only these tables name environment variables to people: the layers below the settings receive values."""

from moshi_service.errors import Problem, ProblemError

LINE = 600
"""Characters of a message. Paths are the longest part of one; a library's message may have thousands."""


class LoadError(ProblemError):
    """The model cannot be loaded. The service stays up and says so: a restart would not help. Its message is one line,
    of LINE characters at most."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(Problem(problem.code, one_line(problem.text)))


def one_line(text: object, longest: int = LINE) -> str:
    """`text` without line breaks. Of a long one the middle is left out, for its end often says what to do."""
    line = " ".join(str(text)[: 100 * LINE].split())
    if len(line) <= longest:
        return line
    end = longest // 3
    return f"{line[: longest - end - 3]} … {line[-end:]}"


def brief(error: BaseException) -> Problem | str:
    """An error for the end of a message: its problem, or an unexpected one's kind and the beginning of its text."""
    if isinstance(error, ProblemError):
        return error.problem
    said = one_line(error, 160)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
