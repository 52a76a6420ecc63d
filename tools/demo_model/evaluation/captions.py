"""Captions: which lines the words of a recording spell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from demo_model.evaluation.conversing import Talk, Word

LONGEST_GAP = 1.5
"""Seconds between two words of a line. The lines' own pauses are below 1 s."""


@dataclass(frozen=True)
class Caption:
    """Words that follow each other and begin a line, or one word that begins none.

    Attributes:
        start, end: the seconds of its first and of its last word.
        line: the key of the line that it begins; None if there is none.
        whole: nothing of the line is missing.
    """

    words: tuple[Word, ...]
    line: str | None
    whole: bool

    @property
    def start(self) -> float:
        return self.words[0].time

    @property
    def end(self) -> float:
        return self.words[-1].time


def _line_of(words: Sequence[str], lines: Mapping[str, Sequence[str]]) -> str | None:
    """The shortest line that begins with `words`."""
    fitting = [key for key, line in lines.items() if list(line[: len(words)]) == list(words)]
    return min(fitting, key=lambda key: len(lines[key]), default=None)


def captions_of(words: Iterable[Word], lines: Mapping[str, str]) -> list[Caption]:
    """Cut `words` into captions: one goes on while its words begin a line and no long gap is between them."""
    split = {key: text.split() for key, text in lines.items()}
    runs: list[list[Word]] = []
    for word in words:
        run = runs[-1] if runs else []
        longer = [*(one.text for one in run), word.text]
        if run and word.time - run[-1].time <= LONGEST_GAP and _line_of(longer, split) is not None:
            run.append(word)
        else:
            runs.append([word])
    captions = []
    for run in runs:
        texts = [word.text for word in run]
        key = _line_of(texts, split)
        captions.append(Caption(tuple(run), key, key is not None and split[key] == texts))
    return captions


BEFORE, AFTER = 0.6, 1.0
"""Seconds before and after the last word of a caption in which an interruption explains that it breaks off: the model
needs up to half a second to stop, and the next word may be far."""


def is_right(caption: Caption, talks: Iterable[Talk]) -> bool:
    """Whether a caption is a whole line, or the beginning of one that the user interrupted."""
    if caption.line is None:
        return False
    return caption.whole or any(caption.end - BEFORE <= talk.start <= caption.end + AFTER for talk in talks)
