"""Prefill: the model reads a slot's prompt chunk by chunk, so that the steps of the other slots go in between.

No token of a prompt is sampled, so neither the codec nor the depformer runs. A chunk of many positions costs about as
much as a single one: the weights are read once for all of them.
"""

from collections import OrderedDict

import torch

from moshi_backend.model.attention.ring import ExportedKV
from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.prompt import Prompt
from moshi_backend.model.tokens import NO_TOKEN


class PromptKVCache:
    """Keys and values of voices in the host's memory: the next conversation with a voice begins behind it.

    Args:
        capacity: bytes. The voices that were used longest ago go first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kvs: OrderedDict[str, ExportedKV] = OrderedDict()

    def __contains__(self, voice: str) -> bool:
        return voice in self._kvs

    @property
    def bytes(self) -> int:
        """In use."""
        return sum(map(size, self._kvs.values()))

    def get(self, voice: str) -> ExportedKV | None:
        """As it was `put`; none if it is not here, or not any more."""
        if voice in self._kvs:
            self._kvs.move_to_end(voice)
        return self._kvs.get(voice)

    def put(self, voice: str, kv: ExportedKV) -> None:
        """Keep a voice. One that is larger than the cache is not kept."""
        if size(kv) > self._capacity:
            return
        self._kvs[voice] = kv
        while self.bytes > self._capacity:
            self._kvs.popitem(last=False)


def size(kv: ExportedKV) -> int:
    """Bytes of the host's memory. PyTorch rounds a pinned block up to a power of two."""
    return sum(1 << (part.nbytes - 1).bit_length() if part.is_pinned() else part.nbytes for part in kv)


class Prefill:
    """A slot's way through its prompt.

    Attributes:
        total: positions of the prompt.
        done: those that the model has read.
        last: how many the last chunk had.
        cached: whether its voice came from the cache.
    """

    def __init__(self, language: LanguageModel, cache: PromptKVCache, slot: int, prompt: Prompt) -> None:
        self._language = language
        self._cache = cache
        self._slot = slot
        self._prompt = prompt
        self.total = prompt.steps
        self.done = self.last = 0
        kv = cache.get(prompt.voice) if prompt.voice else None
        self.cached = kv is not None
        if kv is not None:
            self.done = language.import_kv(slot, kv)
        self._finish()

    @property
    def forced(self) -> list[int]:
        """Of the slot's first step, the tokens that the prompt determines; the others are NO_TOKEN."""
        prompt = self._prompt
        streams = self._language.delay_pattern.model_streams
        return [int(token) for token in prompt.tokens[prompt.complete][:streams]]

    def advance(self, positions: int) -> None:
        """Read one chunk of so many positions at most."""
        prompt, language = self._prompt, self._language
        stop = min(self.done + positions, prompt.boundary(self.done))
        tokens, embedded = prompt.part(self.done, stop)
        language.prefill(self._slot, self.done, tokens, embedded)
        self.done, self.last = stop, stop - self.done
        if prompt.voice and stop == prompt.shared:
            self._cache.put(prompt.voice, language.export_kv(self._slot, stop))
        self._finish()

    def _finish(self) -> None:
        if self.done == self.total:
            prompt = self._prompt
            tokens = torch.from_numpy(prompt.tokens[prompt.complete - 1 :])
            self._language.write_tokens(self._slot, self.total, torch.where(tokens == NO_TOKEN, 0, tokens))
