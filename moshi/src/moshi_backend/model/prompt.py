"""What a conversation begins with, before anybody speaks: tokens that are all known, laid out as the model reads them.

The model's sequence has streams (text, what it says, what it hears), each with its own delay: a frame's token stands
`delay` positions after the frame. Position 0 always holds the initial tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OPEN = -1
"""In place of a token that is not known yet."""

type Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class DelayPattern:
    """How a model's streams are arranged.

    Attributes:
        delays: of each stream.
        said: streams that the model chooses, text and what it says.
        padding: the text token that says nothing.
    """

    delays: tuple[int, ...]
    first_text: int
    first_audio: int
    said: int
    padding: int = 3

    def initial(self) -> Tokens:
        """The first positions of every sequence, [1 + longest delay, streams]."""
        tokens = np.full((1 + max(self.delays), len(self.delays)), OPEN, np.int64)
        for stream, delay in enumerate(self.delays):
            tokens[: delay + 1, stream] = self.first_audio if stream else self.first_text
        return tokens

    def lay_out(self, begun: Tokens, frames: Tokens) -> Tokens:
        """Continue `begun`, the positions of which the first is complete, by frames [frames, streams]."""
        tokens = np.full((len(begun) + len(frames), len(self.delays)), OPEN, np.int64)
        tokens[: len(begun)] = begun
        for stream, delay in enumerate(self.delays):
            tokens[delay + 1 : delay + 1 + len(frames), stream] = frames[:, stream]
        return tokens


@dataclass(frozen=True)
class PromptStart:
    """A voice as a model takes it: frames that it says, or a sequence that has begun already.

    Attributes:
        tokens: the positions after `embedded`, of which the first is complete, [1 + longest delay, streams].
        embedded: inputs of the positions before, [positions, width]; none if the sequence begins with `tokens`.
    """

    tokens: Tokens
    embedded: Tensor | None = None


@dataclass(frozen=True)
class Prompt:
    """
    Attributes:
        embedded: inputs of the first positions, [positions, width].
        tokens: the positions that follow, [positions, streams]. The row's next step is at the last complete one.
        voice: names the first `shared` positions, which are the same for everyone who has this voice.
    """

    embedded: Tensor | None
    tokens: Tokens
    voice: str | None
    shared: int

    @classmethod
    def of(
        cls,
        pattern: DelayPattern,
        beginning: PromptStart,
        voice: str | None,
        shared: Sequence[Tokens],
        own: Sequence[Tokens],
    ) -> "Prompt":
        """
        Args:
            shared: frames that come with the voice, each [frames, streams]
            own: those of this conversation.
        """
        frames = [part for part in (*shared, *own) if len(part)]
        tokens = pattern.lay_out(beginning.tokens, np.concatenate(frames))
        before = 0 if beginning.embedded is None else len(beginning.embedded)
        whole = before + 1 + sum(map(len, shared))
        return cls(beginning.embedded, tokens, voice, whole if voice else 0)

    @property
    def before(self) -> int:
        return 0 if self.embedded is None else len(self.embedded)

    @property
    def complete(self) -> int:
        """Of `tokens`, how many positions are complete."""
        return int((self.tokens != OPEN).all(axis=1).sum())

    @property
    def steps(self) -> int:
        """Positions to go through before the conversation; the last complete one is its first step."""
        return self.before + self.complete - 1

    def part(self, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Tokens and inputs of the positions from `start` to `stop`; one of them is empty or none."""
        if self.embedded is not None and start < self.before:
            return torch.empty(0), self.embedded[start:stop]
        return torch.from_numpy(self.tokens[start - self.before : stop - self.before]), None

    def boundary(self, start: int) -> int:
        """The position up to which one chunk from `start` may go: inputs of two kinds and what is shared end one."""
        return next(end for end in sorted({self.before, self.shared, self.steps}) if end > start)
