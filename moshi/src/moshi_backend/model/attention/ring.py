"""The rings of keys and values: of each slot, layer and head the last `capacity` steps.

Step number n of a slot stands at n modulo the capacity. So the number of steps of a slot tells which entries are valid.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from moshi_backend.model.attention.quantise import quantise, restore
from moshi_backend.model.state import SLOTS, SlotState


class Ring(NamedTuple):
    """One layer's keys and values of some slots, each [slots, heads, capacity, head].

    In 8 bits each has scales, float16 [slots, heads, capacity]; otherwise they are None.
    """

    keys: Tensor
    values: Tensor
    key_scales: Tensor | None = None
    value_scales: Tensor | None = None

    def write(self, entry: Tensor, keys: Tensor, values: Tensor) -> None:
        """Put keys and values, [slots, heads, time, head], where `entry` says, int64 [slots, 1, time, 1]."""
        _write(self.keys, self.key_scales, entry, keys)
        _write(self.values, self.value_scales, entry, values)

    def read(self, entries: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Keys and values of the first entries."""
        keys, values = self.keys[:, :, :entries], self.values[:, :, :entries]
        if self.key_scales is None or self.value_scales is None:
            return keys, values
        scales = self.key_scales[:, :, :entries], self.value_scales[:, :, :entries]
        return restore(keys, scales[0], dtype), restore(values, scales[1], dtype)


def _write(target: Tensor, scales: Tensor | None, entry: Tensor, new: Tensor) -> None:
    if scales is not None:
        new, new_scales = quantise(new)
        scales.scatter_(2, entry[..., 0].expand_as(new_scales), new_scales)
    target.scatter_(2, entry.expand_as(new), new)


type Attend = Callable[[Ring, Tensor], Tensor]
"""From a layer's ring and its queries, keys and values before the rotation, [slots, time, 3 * width], to its attention,
[slots, time, width]. Writes the new keys and values into the ring."""


class Attention(Protocol):
    """A way to compute attention.

    Attributes:
        reads_stale: whether it reads entries that no step of the conversation has written, and hides them with a mask.
            A mask's zero times the NaN of a broken stream is NaN, so such entries must be zero.
    """

    reads_stale: bool

    def begin(self, lengths: Tensor, active: Tensor, time: int) -> Attend:
        """Begin a step.

        Args:
            lengths: steps that each slot has made, int64 [slots].
            active: which slots step, booleans [slots]. The output of the others is any finite number. They may write
                only where their next step writes.
            time: positions of each slot in this step.
        """
        ...


type ExportedKV = tuple[Tensor, ...]
"""Keys and values of some steps, [layers, 2, heads, steps, head], and in 8 bits their scales, [layers, 2, heads,
steps]; in the host's memory."""


class KVCache:
    """The rings of all layers.

    Args:
        dtype: of keys and values; int8 has scales besides.
        cleared: whether a slot's entries are zeroed when a conversation joins it.
    """

    def __init__(
        self, state: SlotState, layers: int, heads: int, capacity: int, head: int, dtype: torch.dtype, cleared: bool
    ) -> None:
        shape = (layers, 2, SLOTS, heads, capacity)
        self._parts = [state.allocate((*shape, head), dtype, cleared)]
        if dtype == torch.int8:
            self._parts.append(state.allocate(shape, torch.float16, cleared))
        self._rings: dict[tuple[int, int], list[Ring]] = {}

    def rings(self, start: int, stop: int) -> list[Ring]:
        """The ring of each layer, of the slots from `start` to `stop`."""
        if (start, stop) not in self._rings:
            layers = zip(*[part[:, :, start:stop] for part in self._parts], strict=True)
            self._rings[start, stop] = [Ring(*(half for part in layer for half in part)) for layer in layers]
        return self._rings[start, stop]

    def fill(self, slot: int) -> None:
        """Put random numbers into every entry of a slot."""
        entries, *scales = [part[:, :, slot] for part in self._parts]
        entries.random_(-127, 128) if scales else entries.normal_()
        for scale in scales:
            scale.uniform_(0.005, 0.02)

    def export(self, slot: int, steps: int) -> ExportedKV:
        """The slot's first steps. On a GPU they arrive by the end of the work that it has been given so far, in memory
        that it can copy from and to by itself."""
        found = []
        for part in self._parts:
            given = part[:, :, slot, :, :steps]
            host = torch.empty(given.shape, dtype=part.dtype, pin_memory=part.device.type == "cuda")
            found.append(host.copy_(given, non_blocking=True))
        return tuple(found)

    def restore(self, slot: int, kv: ExportedKV) -> int:
        """Write what `export` returned into a slot. Returns how many steps it has."""
        steps = kv[0].shape[3]
        for part, exported in zip(self._parts, kv, strict=True):
            part[:, :, slot, :, :steps].copy_(exported, non_blocking=True)
        return steps
