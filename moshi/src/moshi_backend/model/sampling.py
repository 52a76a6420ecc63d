"""Choosing tokens, each row its own way: temperature, top-k and seed of its conversation.

The chance comes from the host, one number for each token of a step, drawn from a counter-based generator that belongs
to the conversation. So what a row says depends on its seed and its input, not on its neighbours or its place.
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

SEEDS = 2**32
"""Drawn seeds are below this. Clients may send any 64-bit one."""


def _any_seed() -> int:
    return secrets.randbelow(SEEDS)


@dataclass(frozen=True)
class TokenSampling:
    """How one kind of token is chosen: among the `top_k` likeliest (0: all), at `temperature` (0: the likeliest)."""

    temperature: float
    top_k: int
    seed: int = field(default_factory=_any_seed)

    @property
    def control(self) -> tuple[float, float]:
        """Temperature and top-k for a `Sampler`, which knows no special values."""
        if self.temperature == 0:
            return 1.0, 1.0
        return self.temperature, float(self.top_k or 2**24)


@dataclass(frozen=True)
class SamplingParams:
    text: TokenSampling
    audio: TokenSampling

    @classmethod
    def of(cls, lm_gen_config: Mapping[str, Any]) -> "SamplingParams":
        """What a checkpoint recommends; what it leaves out is upstream's default.

        Raises:
            ValueError: it needs an option that is not supported.
        """
        known = {"use_sampling", "temp", "temp_text", "top_k", "top_k_text"}
        neutral = {"cfg_coef": 1.0, "check": False}
        for name, value in lm_gen_config.items():
            if name not in known and neutral.get(name, ...) != value:
                raise ValueError(f"the checkpoint's lm_gen_config sets {name}={value!r}, which is not supported")
        sampled = lm_gen_config.get("use_sampling", True)
        return cls(
            TokenSampling(lm_gen_config.get("temp_text", 0.7) if sampled else 0.0, lm_gen_config.get("top_k_text", 25)),
            TokenSampling(lm_gen_config.get("temp", 0.8) if sampled else 0.0, lm_gen_config.get("top_k", 250)),
        )


class RandomNumbers:
    """A conversation's numbers in [0, 1): for each step one for text, then one for each audio token."""

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
    """Chooses one kind of token for the rows of one tick.

    Args:
        control: temperature, above 0, and top-k, at least 1, of each row; float32 [rows, 2]. A top-k of 1 takes the
            first of the likeliest.
    """

    def __init__(self, control: Tensor, vocabulary: int) -> None:
        self._temperature, top_k = control[:, :1], control[:, 1:]
        self._unlikely = torch.arange(vocabulary, device=control.device) >= top_k
        self._last = (top_k - 1).clamp_(max=vocabulary - 1).long()

    def __call__(self, logits: Tensor, chance: Tensor) -> Tensor:
        """By where `chance` falls among the cumulated probabilities of the likeliest tokens.

        Args:
            logits: [rows, vocabulary].
            chance: float32 [rows, 1], in [0, 1).
        Returns:
            int64 [rows].
        """
        ranked, tokens = logits.float().sort(dim=-1, descending=True, stable=True)
        likely = ranked.div_(self._temperature).masked_fill_(self._unlikely, -math.inf)
        passed = (likely.softmax(-1).cumsum_(-1) <= chance).sum(-1, keepdim=True)
        # Rounding may leave the sum of all probabilities below a chance that is close to 1.
        return tokens.gather(-1, torch.minimum(passed, self._last))[:, 0]
