"""The kernels as functions of tensors, for the shapes that they are compiled for."""

from copy import copy
from typing import Self

import torch
from torch import Tensor

from moshi_backend.model.attention.quantise import SMALLEST_SCALE
from moshi_backend.model.attention.ring import Ring
from moshi_backend.model.kernels.driver import Launch
from moshi_backend.model.kernels.specs import (
    DEPFORMER_HEAD,
    MOST_CODEBOOKS,
    MOST_SPLITS,
    NORM_WIDTHS,
    ROW_BLOCK,
    TEMPORAL_HEAD,
)
from moshi_backend.model.tokens import NO_TOKEN

PROGRAMS = 4096
"""Programs that a launch should have, so that every multiprocessor of a GPU has several: an H100 has 132."""

ALIGNED = 16
"""Widths and strides are multiples of this."""


def splits(slots: int, heads: int, programs: int = PROGRAMS) -> int:
    """Into how many shares each ring is split: fewer when many slots already make enough programs."""
    count = 1
    while count < MOST_SPLITS and slots * heads * count < programs:
        count *= 2
    return count


class Kernels:
    """Calls kernels through `launch`. All tensors are bfloat16 unless stated.

    Args:
        programs: that a launch should have at least.
    """

    def __init__(self, launch: Launch, programs: int = PROGRAMS) -> None:
        self._launch = launch
        self._programs = programs

    def for_programs(self, programs: int) -> Self:
        """The same kernels, with other shares of rings."""
        other = copy(self)
        other._programs = programs
        return other

    def takes_norm(self, width: int, dtype: torch.dtype) -> bool:
        """Whether `add_norm` takes such rows."""
        return dtype == torch.bfloat16 and width <= max(NORM_WIDTHS) and width % ALIGNED == 0

    def add_norm(self, x: Tensor, pending: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """x plus what is pending, and its RMSNorm.

        Args:
            x, pending: [slots, time, width]; the rows may lie apart.
            weight: float32 [width].
        """
        width = x.shape[-1]
        rows = x.flatten(0, 1)
        others = rows if pending is None else pending.flatten(0, 1)
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        total = x if pending is None else torch.empty_like(out)
        name = f"{'norm' if pending is None else 'add_norm'}_{next(most for most in NORM_WIDTHS if width <= most)}"
        strides = rows.stride(0), others.stride(0)
        self._launch(name, (len(rows), 1, 1), rows, others, weight, total, out, *strides, width, eps)
        return total, out

    def takes_gate(self, width: int, dtype: torch.dtype) -> bool:
        """Whether `silu_gate` takes rows of this width, after the gate."""
        return dtype == torch.bfloat16 and width % ALIGNED == 0

    def silu_gate(self, x: Tensor) -> Tensor:
        """SiLU of the first half of each row times the second half: [slots, time, 2 * width] to [..., width]."""
        slots, time, double = x.shape
        width = double // 2
        out = torch.empty((slots, time, width), dtype=x.dtype, device=x.device)
        self._launch("silu_gate", (slots * time, -(-width // ROW_BLOCK), 1), x, out, width)
        return out

    def takes_attention(self, head: int, dtype: torch.dtype) -> bool:
        """Whether `attend` takes such heads."""
        return dtype == torch.bfloat16 and head == TEMPORAL_HEAD

    def attend(self, ring: Ring, projected: Tensor, rotation: Tensor, lengths: Tensor, active: Tensor) -> Tensor:
        """One query of each slot over the written entries of its ring. Writes the new key and value.

        Args:
            ring: bfloat16, or int8 with scales.
            projected: queries, keys and values before the rotation, [slots, 1, 3 * width].
            rotation: cosines and sines of this step, float32 [slots, head / 2, 2].
            lengths: steps that each slot has made, int64 [slots].
            active: which slots step, int8 [slots]. The output of the others is zero, and nothing of them is written.
        Returns:
            [slots, 1, width].
        """
        slots, heads, capacity, head = ring.keys.shape
        shares = splits(slots, heads, self._programs)
        device = projected.device
        parts = torch.empty((slots, heads, shares, head), dtype=torch.float32, device=device)
        tops, totals = torch.empty((2, slots, heads, shares), dtype=torch.float32, device=device)
        out = torch.empty((slots, 1, heads * head), dtype=projected.dtype, device=device)
        scaled = ring.key_scales is not None and ring.value_scales is not None
        key_scales, value_scales = (ring.key_scales, ring.value_scales) if scaled else (tops, tops)
        assert key_scales is not None
        assert value_scales is not None
        self._launch(
            "decode_attention_int8" if scaled else "decode_attention",
            (slots, heads, shares),
            projected,
            rotation,
            ring.keys,
            ring.values,
            key_scales,
            value_scales,
            lengths,
            active,
            parts,
            tops,
            totals,
            head**-0.5,
            SMALLEST_SCALE,
            capacity,
        )
        self._launch("join_parts", (slots, heads, 1), parts, tops, totals, active, out, shares)
        return out

    def takes_codebooks(self, head: int, codebooks: int, dtype: torch.dtype) -> bool:
        """Whether `attend_codebooks` takes so many codebooks, and such heads."""
        return dtype == torch.bfloat16 and head == DEPFORMER_HEAD and codebooks <= MOST_CODEBOOKS

    def attend_codebooks(self, kv: Tensor, codebook: int, projected: Tensor) -> Tensor:
        """Attention of one codebook to itself and those before it. Writes its key and value.

        Args:
            kv: keys and values, [2, slots, heads, codebooks, head].
            projected: query, key and value, [slots, 1, 3 * width].
        """
        _, slots, heads, codebooks, head = kv.shape
        out = torch.empty((slots, 1, heads * head), dtype=projected.dtype, device=projected.device)
        keys, values = kv
        self._launch(
            "codebook_attention",
            (slots, heads, 1),
            projected,
            keys,
            values,
            out,
            codebook,
            codebooks,
            head**-0.5,
        )
        return out

    def takes_embedding(self, width: int, dtype: torch.dtype) -> bool:
        """Whether `embed` takes tables of this width."""
        return dtype == torch.bfloat16 and width % ALIGNED == 0

    def embed(self, tokens: Tensor, starts: Tensor, table: Tensor) -> Tensor:
        """The sums of the embeddings of all streams, the first stream last, each addition rounded.

        Args:
            tokens: int64 [positions, streams].
            starts: where in the table each stream begins, int64 [streams].
            table: [entries, width].
        """
        positions, streams = tokens.shape
        width = table.shape[1]
        out = torch.empty((positions, width), dtype=table.dtype, device=table.device)
        grid = positions, -(-width // ROW_BLOCK), 1
        self._launch("embed", grid, tokens.contiguous(), starts, table, out, streams, width)
        return out

    def takes_logits(self, dtype: torch.dtype) -> bool:
        """Whether `sample` takes such logits."""
        return dtype == torch.bfloat16

    def sample(self, logits: Tensor, uniform: Tensor, controls: Tensor, forced: Tensor) -> Tensor:
        """A token for each slot, int64 [slots], as `Sampler` chooses it unless it is forced.

        Args:
            logits: [slots, vocabulary].
            uniform: random numbers in [0, 1), float32 [slots].
            controls: temperature and top-k, float32 [slots, 2].
            forced: tokens or NO_TOKEN, int64 [slots].
        """
        slots, vocabulary = logits.shape
        ranked = logits.sort(dim=-1, descending=True, stable=True).indices
        out = torch.empty(slots, dtype=torch.int64, device=logits.device)
        strides = uniform.stride(0), controls.stride(0), forced.stride(0)
        self._launch(
            "sample", (slots, 1, 1), logits, ranked, uniform, controls, forced, out, vocabulary, *strides, NO_TOKEN
        )
        return out
