"""Errors in words for the person who runs the service."""

LINE = 600
"""Characters of a message. Paths are the longest part of one; a library's message may have thousands."""


class LoadError(Exception):
    """The model cannot be loaded. The service stays up and says so: a restart would not help. Its message is one line,
    of LINE characters at most."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: object, longest: int = LINE) -> str:
    """`text` without line breaks. Of a long one the middle is left out, for its end often says what to do."""
    line = " ".join(str(text)[: 100 * LINE].split())
    if len(line) <= longest:
        return line
    end = longest // 3
    return f"{line[: longest - end - 3]} … {line[-end:]}"


def brief(error: BaseException) -> str:
    """An unexpected error for the end of a message: its kind and the beginning of what it says."""
    said = one_line(error, 160)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
