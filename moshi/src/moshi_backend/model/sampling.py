"""Sampling of tokens, each slot its own way: temperature, top-k and seed of its conversation.

The random numbers come from the host, one for each token of a step, drawn from a counter-based generator that belongs
to the conversation. So the tokens of a slot depend on its seed and its input, not on the other slots or its place.
"""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moshi_backend.errors import structure as errors
from moshi_service.errors import InvalidValue

SEEDS = 2**32
"""Drawn seeds are below this. Clients may send any 64-bit one."""


def _any_seed() -> int:
    return secrets.randbelow(SEEDS)


@dataclass(frozen=True)
class TokenSampling:
    """How one kind of token is sampled: among the `top_k` likeliest (0: all), at `temperature` (0: the likeliest)."""

    temperature: float
    top_k: int
    seed: int = field(default_factory=_any_seed)

    @property
    def controls(self) -> tuple[float, float]:
        """Temperature and top-k as a `Sampler` takes them: without special values for "all" and "the likeliest"."""
        if self.temperature == 0:
            return 1.0, 1.0
        return self.temperature, float(self.top_k or 2**24)


@dataclass(frozen=True)
class SamplingParams:
    """How the tokens of a conversation are sampled."""

    text: TokenSampling
    audio: TokenSampling

    @classmethod
    def of(cls, lm_gen_config: Mapping[str, Any]) -> "SamplingParams":
        """The sampling that a checkpoint recommends. Upstream's defaults fill in missing values.

        Raises:
            InvalidValue: it needs an option that is not supported.
        """
        known = {"use_sampling", "temp", "temp_text", "top_k", "top_k_text"}
        neutral = {"cfg_coef": 1.0, "check": False}
        for name, value in lm_gen_config.items():
            if name not in known and neutral.get(name, ...) != value:
                raise InvalidValue(errors.unsupported_sampling(name, value))
        sampled = lm_gen_config.get("use_sampling", True)
        return cls(
            TokenSampling(lm_gen_config.get("temp_text", 0.7) if sampled else 0.0, lm_gen_config.get("top_k_text", 25)),
            TokenSampling(lm_gen_config.get("temp", 0.8) if sampled else 0.0, lm_gen_config.get("top_k", 250)),
        )


class RandomNumbers:
    """The random numbers of a conversation, in [0, 1): for each step one for text, then one for each audio token."""

    def __init__(self, sampling: SamplingParams, audio_tokens: int) -> None:
        # The second half of the key keeps text and audio apart when both have the same seed.
        self._text = np.random.Generator(np.random.Philox(key=np.array((sampling.text.seed, 0), np.uint64)))
        self._audio = np.random.Generator(np.random.Philox(key=np.array((sampling.audio.seed, 1), np.uint64)))
        self._audio_tokens = audio_tokens

    def draw(self, out: NDArray[np.float32]) -> None:
        """Fill `out`, [1 + audio tokens], for the next step."""
        out[0] = self._text.random(dtype=np.float32)
        out[1:] = self._audio.random(self._audio_tokens, dtype=np.float32)


class Sampler:
    """Samples one kind of token for the slots of one step.

    Args:
        controls: temperature, above 0, and top-k, at least 1, of each slot; float32 [slots, 2]. A top-k of 1 takes the
            first of the likeliest.
        recordable: rank the tokens even if no slot's top-k leaves one out. The result is the same, and takes longer.
    """

    def __init__(self, controls: Tensor, vocabulary: int, recordable: bool = False) -> None:
        self._temperature, top_k = controls[:, :1], controls[:, 1:]
        self._ranks = recordable or bool((top_k < vocabulary).any())
        self._unlikely = torch.arange(vocabulary, device=controls.device) >= top_k

    def __call__(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Take the token in whose share of [0, 1) `uniform` falls. The likeliest tokens share it, in their own order.

        Args:
            logits: [slots, vocabulary].
            uniform: random numbers, float32 [slots, 1], in [0, 1).
        Returns:
            int64 [slots].
        """
        logits = logits.float()
        likely = logits / self._temperature
        if self._ranks:
            # Of equally likely tokens the first come first, as in argmax.
            ranked = logits.sort(dim=-1, descending=True, stable=True).indices
            likely.masked_fill_(
                torch.empty_like(ranked, dtype=torch.bool).scatter_(-1, ranked, self._unlikely), -math.inf
            )
        passed = likely.softmax(-1).cumsum_(-1)
        # Rounding may leave the sum of all probabilities below a `uniform` that is close to 1.
        return (passed <= uniform * passed[:, -1:]).sum(-1)
