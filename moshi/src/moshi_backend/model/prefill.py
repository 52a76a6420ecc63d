"""A row's way through its prefix: chunk by chunk, so that the others' ticks go in between.

Nothing is chosen in a prefix, so neither the codec nor the depformer runs, and a chunk of many positions costs about as
much as a single one: the weights are read once for all of them.
"""

from collections import OrderedDict

import torch
from torch import Tensor

from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.prompt import OPEN, Prompt


class PromptKVCache:
    """Keys and values of voices, kept in the host's memory: the next conversation with one begins behind it.

    Args:
        most: bytes. The voices that were used longest ago go first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pasts: OrderedDict[str, Tensor] = OrderedDict()

    def __contains__(self, voice: str) -> bool:
        return voice in self._pasts

    @property
    def bytes(self) -> int:
        return sum(past.nbytes for past in self._pasts.values())

    def get(self, voice: str) -> Tensor | None:
        if voice in self._pasts:
            self._pasts.move_to_end(voice)
        return self._pasts.get(voice)

    def put(self, voice: str, past: Tensor) -> None:
        if past.nbytes > self._most:
            return
        self._pasts[voice] = past
        while self.bytes > self._most:
            self._pasts.popitem(last=False)


class Prefill:
    """
    Attributes:
        total: positions of the prefix.
        done: those that the row has behind it.
        last: how many the last chunk had.
        recalled: whether its voice was remembered.
    """

    def __init__(self, language: LanguageModel, memory: PromptKVCache, row: int, prefix: Prompt) -> None:
        self._language = language
        self._memory = memory
        self._row = row
        self._prefix = prefix
        self.total = prefix.steps
        self.done = self.last = 0
        past = memory.get(prefix.voice) if prefix.voice else None
        self.recalled = past is not None
        if past is not None:
            language.remember(row, past)
            self.done = past.shape[3]
        self._finish()

    @property
    def opening(self) -> list[int]:
        """Of what the row says in its first step, the tokens that the prefix gives; the others are OPEN."""
        prefix = self._prefix
        return [int(token) for token in prefix.tokens[prefix.complete][: self._language.said]]

    def advance(self, positions: int) -> None:
        """One chunk of so many at most."""
        prefix, language = self._prefix, self._language
        stop = min(self.done + positions, prefix.boundary(self.done))
        tokens, embedded = prefix.part(self.done, stop)
        language.prefill(self._row, tokens, embedded)
        self.done, self.last = stop, stop - self.done
        if prefix.voice and stop == prefix.shared:
            self._memory.put(prefix.voice, language.remembered(self._row, stop))
        self._finish()

    def _finish(self) -> None:
        if self.done == self.total:
            prefix = self._prefix
            tokens = torch.from_numpy(prefix.tokens[prefix.complete - 1 :])
            self._language.hold(self._row, self.total, torch.where(tokens == OPEN, 0, tokens))
