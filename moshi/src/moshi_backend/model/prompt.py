"""A prompt: the tokens that the model reads before a conversation, laid out as the model's sequence.

The sequence has streams (text, the model's codebooks, the user's codebooks), each with its own delay: the token of a
frame stands `delay` positions after the frame. Position 0 always holds the initial tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moshi_backend.model.tokens import NO_TOKEN, Tokens


@dataclass(frozen=True)
class DelayPattern:
    """How the streams of a model are arranged, and its special tokens.

    Attributes:
        delays: of each stream, in steps.
        initial_text, initial_audio: the tokens before the first frame.
        text_padding: the text token of a step without text.
        model_codebooks: audio streams that the model predicts.
    """

    delays: tuple[int, ...]
    initial_text: int
    initial_audio: int
    text_padding: int
    model_codebooks: int

    @property
    def model_streams(self) -> int:
        """Streams that the model predicts: text and its codebooks. They come before the user's."""
        return 1 + self.model_codebooks

    @property
    def user_codebooks(self) -> int:
        """Audio streams that the model is given."""
        return len(self.delays) - self.model_streams

    def initial(self) -> Tokens:
        """The first positions of every sequence, [1 + longest delay, streams]."""
        tokens = np.full((1 + max(self.delays), len(self.delays)), NO_TOKEN, np.int64)
        for stream, delay in enumerate(self.delays):
            tokens[: delay + 1, stream] = self.initial_audio if stream else self.initial_text
        return tokens

    def lay_out(self, begun: Tokens, frames: Tokens) -> Tokens:
        """Continue `begun`, the positions of which the first is complete, by frames [frames, streams]."""
        tokens = np.full((len(begun) + len(frames), len(self.delays)), NO_TOKEN, np.int64)
        tokens[: len(begun)] = begun
        for stream, delay in enumerate(self.delays):
            tokens[delay + 1 : delay + 1 + len(frames), stream] = frames[:, stream]
        return tokens


@dataclass(frozen=True)
class PromptStart:
    """How a prompt's sequence begins: with the initial tokens, or with a voice that a PersonaPlex server saved.

    Attributes:
        tokens: the positions after `embedded`, of which the first is complete, [1 + longest delay, streams].
        embedded: inputs of the positions before, [positions, width]; none if the sequence begins with `tokens`.
    """

    tokens: Tokens
    embedded: Tensor | None = None


@dataclass(frozen=True)
class Prompt:
    """All that the model reads before a conversation.

    Attributes:
        embedded: inputs of the first positions, [positions, width].
        tokens: the positions that follow, [positions, streams]. The slot's next step is at the last complete one.
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
        start: PromptStart,
        voice: str | None,
        shared: Sequence[Tokens],
        own: Sequence[Tokens],
    ) -> "Prompt":
        """Lay out frames behind a start.

        Args:
            voice: its id, if the conversation has one.
            shared: frames that come with the voice, each [frames, streams].
            own: those of this conversation.
        """
        frames = [part for part in (*shared, *own) if len(part)]
        tokens = pattern.lay_out(start.tokens, np.concatenate(frames))
        before = 0 if start.embedded is None else len(start.embedded)
        whole = before + 1 + sum(map(len, shared))
        return cls(start.embedded, tokens, voice, whole if voice else 0)

    @property
    def before(self) -> int:
        """Positions of `embedded`."""
        return 0 if self.embedded is None else len(self.embedded)

    @property
    def complete(self) -> int:
        """Of `tokens`, how many positions are complete."""
        return int((self.tokens != NO_TOKEN).all(axis=1).sum())

    @property
    def steps(self) -> int:
        """Positions to prefill before the conversation; the last complete one is its first step."""
        return self.before + self.complete - 1

    def part(self, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Tokens and inputs of the positions from `start` to `stop`; one of them is empty or none."""
        if self.embedded is not None and start < self.before:
            return torch.empty(0), self.embedded[start:stop]
        return torch.from_numpy(self.tokens[start - self.before : stop - self.before]), None

    def boundary(self, start: int) -> int:
        """The position up to which one chunk from `start` may go: inputs of two kinds and what is shared end one."""
        return next(end for end in sorted({self.before, self.shared, self.steps}) if end > start)
