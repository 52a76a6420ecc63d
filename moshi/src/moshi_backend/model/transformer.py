"""Transformers that step slot by slot through a ring of keys and values.

Upstream computes positions, masks and rotations in every layer and masks every write; here a step does it once for all
layers. A slot that does not step writes its keys where its next step will overwrite them, so no write needs a mask.
"""

from functools import partial

import torch
from moshi.modules.transformer import StreamingTransformer
from torch import Tensor, nn

from moshi_backend.errors import structure as errors
from moshi_backend.model.attention.choose import choose
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.ring import Attend, Attention, ExportedKV, KVCache, Ring
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.block import Block, Residual, add_norm
from moshi_backend.model.plan import Plan
from moshi_backend.model.state import SLOTS, SlotState
from moshi_service.errors import InvalidValue


class RingTransformer:
    """Upstream's causal rotary transformer over [slots, time, width], a few steps at a time.

    A step sees itself and the `capacity - 1` before it. Positions go on counting when the ring is full: the oldest step
    is overwritten and forgotten, and nothing else changes.

    Args:
        plan: how the language model runs. The codec's transformers have none: they take several positions a step.
        norm: of the output, if it has one.

    Raises:
        InvalidValue: an option that no Moshi has.
    """

    def __init__(
        self, module: StreamingTransformer, state: SlotState, plan: Plan | None = None, norm: nn.Module | None = None
    ) -> None:
        first = module.layers[0].self_attn
        if module.positional_embedding != "rope":
            raise InvalidValue(errors.unsupported_positions(module.positional_embedding))
        if not first.causal or first.context is None or first.weights_per_step:
            raise InvalidValue(errors.unsupported_transformer())
        kernels = plan.kernels if plan else None
        self.capacity: int = min(first.context, (plan and plan.context) or first.context)
        """Steps that it remembers."""
        self._blocks = [Block.of(layer, kernels) for layer in module.layers]
        self._norm = None if norm is None else add_norm(norm, kernels)
        heads: int = first.num_heads
        head: int = first.embed_dim // heads
        dtype = next(module.parameters()).dtype
        kv = torch.int8 if plan and plan.eight_bit_kv else dtype
        rotary = Rotary(self.capacity, head, module.max_period, state.device)
        self._masked = MaskedAttention(rotary, dtype, state.device)
        self._attention: Attention = self._masked
        if plan is not None:
            self._attention = choose(rotary, state, heads, head, (dtype, kv), kernels)
        cleared = self._attention.reads_stale
        self._cache = KVCache(state, len(self._blocks), heads, self.capacity, head, kv, cleared)
        self.steps = state.allocate((SLOTS,), torch.int64)

    def __call__(self, x: Tensor, keep: Tensor) -> Tensor:
        """One step of the first slots, as many as `x` has.

        Args:
            x: [slots, time, width].
            keep: booleans [slots]; the step of the other slots is as if it had not been.
        """
        slots, time, _ = x.shape
        steps = self.steps[:slots]
        out = self._run(x, self._attention.begin(steps, keep, time), self._cache.rings(0, slots))
        steps.add_(keep * time)
        return out.total if self._norm is None else self._norm(out)[1]

    def prefill(self, slot: int, start: int, x: Tensor) -> None:
        """Steps of one slot, [1, time, width]. It has made `start` steps, and does not go round its ring."""
        self._run(x, self._masked.begin_unwrapped(start, x.shape[1]), self._cache.rings(slot, slot + 1))
        self.steps[slot] = start + x.shape[1]

    def fill_kv(self, slot: int) -> None:
        """Random keys and values for every step that the slot remembers."""
        self._cache.fill(slot)

    def export_kv(self, slot: int, steps: int) -> ExportedKV:
        """Keys and values of the slot's first steps."""
        return self._cache.export(slot, steps)

    def import_kv(self, slot: int, kv: ExportedKV) -> int:
        """Begin a cleared slot with what `export_kv` returned. Returns how many steps that is."""
        steps = self._cache.restore(slot, kv)
        self.steps[slot] = steps
        return steps

    def _run(self, x: Tensor, attend: Attend, rings: list[Ring]) -> Residual:
        residual = Residual(x)
        for block, ring in zip(self._blocks, rings, strict=True):
            residual = block(residual, partial(attend, ring))
        return residual
