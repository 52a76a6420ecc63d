"""Attention over the written part of each ring, by PyTorch's own length-aware operator, for one step at a time.

`aten::_flash_attention_forward` takes `seqused_k`, how many keys of each sequence count. It reads no others, so a short
conversation costs little, and a slot that does not step costs nothing.
"""

from functools import partial

import torch
from torch import Tensor

from moshi_backend.model.attention.ring import Attend, Ring
from moshi_backend.model.attention.rotation import Place, Rotary, turn_and_write

_flash_attention_forward = torch.ops.aten._flash_attention_forward  # type: ignore[attr-defined]

CAPABILITY = (8, 0)
"""Of the GPUs that the operator runs on: Ampere and later."""


def is_supported(device: torch.device, dtype: torch.dtype, head: int) -> bool:
    """Whether the operator takes such keys on this device."""
    if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return False
    return head % 8 == 0 and head <= 256 and torch.cuda.get_device_capability(device) >= CAPABILITY


class FlashAttention:
    """Each head of each slot is a sequence of its own for the operator, since a slot's heads do not lie side by side.

    Args:
        slots: the most slots of one step.
        heads: of each slot.
    """

    reads_stale = False

    def __init__(self, rotary: Rotary, slots: int, heads: int, device: torch.device) -> None:
        self._rotary = rotary
        self._heads = heads
        # Where the queries, and the keys, of each sequence begin.
        self._queries = torch.arange(slots * heads + 1, dtype=torch.int32, device=device)
        self._keys = self._queries * rotary.capacity

    def begin(self, lengths: Tensor, active: Tensor, time: int) -> Attend:
        """See `Attention`; `time` is 1. Of a slot that does not step no key counts, and its output is zero."""
        assert time == 1, "only one query of each slot can see all written keys"
        written = torch.where(active, (lengths + 1).clamp_(max=self._rotary.capacity), 0).int()
        # The operator refuses a view, and of one slot alone this is one.
        used = written[:, None].expand(-1, self._heads).flatten().contiguous()
        return partial(self._attend, self._rotary.place(lengths, 1), used)

    def _attend(self, place: Place, used: Tensor, ring: Ring, projected: Tensor) -> Tensor:
        slots, heads, capacity, head = ring.keys.shape
        query = turn_and_write(projected, ring, place)
        sequences = slots * heads
        out: Tensor = _flash_attention_forward(
            query.reshape(sequences, 1, head),
            ring.keys.view(-1, 1, head),
            ring.values.view(-1, 1, head),
            self._queries[: sequences + 1],
            self._keys[: sequences + 1],
            1,
            capacity,
            0.0,
            False,
            False,
            seqused_k=used,
        )[0]
        return out.view(slots, 1, heads * head)
