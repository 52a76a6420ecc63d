"""Which attention a transformer gets."""

import torch

from moshi_backend.model.attention import flash
from moshi_backend.model.attention.compiled import CompiledAttention
from moshi_backend.model.attention.flash import FlashAttention
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.ring import Attention
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.state import SlotState


def choose(
    rotary: Rotary,
    state: SlotState,
    heads: int,
    head: int,
    dtypes: tuple[torch.dtype, torch.dtype],
    kernels: Kernels | None,
) -> Attention:
    """The fastest attention for one position at a time.

    Args:
        heads, head: how many, and how wide each is.
        dtypes: of the model, and of its keys and values.
        kernels: of our own, if they run here.
    """
    dtype, kv = dtypes
    if kernels is not None and kernels.takes_attention(head, dtype):
        return CompiledAttention(rotary, kernels)
    if kv == dtype and flash.is_supported(state.device, dtype, head):
        return FlashAttention(rotary, state.slots, heads, state.device)
    return MaskedAttention(rotary, dtype, state.device)
