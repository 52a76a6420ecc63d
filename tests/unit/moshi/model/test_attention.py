"""Every way to attend gives the attention of the written steps, over pauses, wrapped rings and stale entries."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moshi_backend.model.attention import flash
from moshi_backend.model.attention.flash import FlashAttention
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.ring import Attention, KVCache
from moshi_backend.model.attention.rotation import Rotary, rotate
from moshi_backend.model.state import SlotState

CPU = torch.device("cpu")
SLOTS, HEADS, HEAD, CAPACITY = 3, 2, 16, 7
WIDTH = HEADS * HEAD
ROTARY = Rotary(CAPACITY, HEAD, 10_000, CPU)


def operator(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cum_seq_q: Tensor,
    cum_seq_k: Tensor,
    max_q: int,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
    return_debug_mask: bool,
    *,
    seqused_k: Tensor,
) -> tuple[Tensor]:
    """As the operator of a GPU: of the keys of each sequence the first `seqused_k` count, and no others are read. It
    refuses what that one refuses."""
    for lengths in (cum_seq_q, cum_seq_k, seqused_k):
        assert lengths.dtype == torch.int32
        assert lengths.is_contiguous()
    assert len(cum_seq_q) == len(cum_seq_k) == len(seqused_k) + 1
    assert query.stride(-1) == key.stride(-1) == value.stride(-1) == 1
    assert (dropout_p, is_causal, return_debug_mask) == (0.0, False, False)
    out = torch.full_like(query, math.nan)
    for sequence, used in enumerate(seqused_k.tolist()):
        first, last = cum_seq_q[sequence : sequence + 2].tolist()
        start, stop = cum_seq_k[sequence : sequence + 2].tolist()
        assert last - first == max_q == 1
        assert used <= stop - start == max_k
        keys, values = key[start : start + used], value[start : start + used]
        scores = torch.einsum("qhd,khd->hqk", query[first:last], keys) / math.sqrt(query.shape[-1])
        out[first:last] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), values)
    return (out,)


@pytest.fixture
def flash_attention(monkeypatch: pytest.MonkeyPatch) -> FlashAttention:
    monkeypatch.setattr(flash, "_flash_attention_forward", operator)
    return FlashAttention(ROTARY, SLOTS, HEADS, CPU)


def masked(_: FlashAttention) -> Attention:
    return MaskedAttention(ROTARY, torch.float32, CPU)


def length_aware(made: FlashAttention) -> Attention:
    return made


class History:
    """What each slot has heard, as a list, and the attention of its last steps by the formula."""

    def __init__(self) -> None:
        self.steps: list[list[Tensor]] = [[] for _ in range(SLOTS)]

    def attention(self, slot: int) -> Tensor:
        """Of the slot's last step, [heads * head]."""
        split = torch.stack(self.steps[slot]).view(1, -1, 3 * HEADS, HEAD)
        place = ROTARY.place(torch.tensor([0]), min(split.shape[1], CAPACITY))
        angles = torch.arange(split.shape[1])[:, None] * ROTARY._frequencies
        assert place.rotation.shape[-1] == angles.shape[-1]
        turned = rotate(split[:, :, : 2 * HEADS], torch.polar(torch.ones_like(angles), angles)[None, :, None])[0]
        query, keys = turned[-1, :HEADS], turned[-CAPACITY:, HEADS:]
        values = split[0, -CAPACITY:, 2 * HEADS :]
        scores = torch.einsum("hd,thd->ht", query, keys) / math.sqrt(HEAD)
        return torch.einsum("ht,thd->hd", scores.softmax(-1), values).flatten()


def cache(attention: Attention) -> KVCache:
    made = KVCache(SlotState(SLOTS, CPU), 1, HEADS, CAPACITY, HEAD, torch.float32, attention.reads_stale)
    if not attention.reads_stale:
        made._parts[0].fill_(math.nan)
    return made


@pytest.mark.parametrize("make", [masked, length_aware])
def test_attention_is_that_of_the_written_steps(
    make: Callable[[FlashAttention], Attention], flash_attention: FlashAttention
) -> None:
    """Slot 1 pauses, and slot 2 is given to another conversation. Entries that nobody wrote are not a number."""
    attention = make(flash_attention)
    rings, history = cache(attention).rings(0, SLOTS), History()
    lengths = torch.zeros(SLOTS, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    for step in range(3 * CAPACITY):
        if step == 11:
            lengths[2] = 0
            history.steps[2].clear()
            if attention.reads_stale:
                rings[0].keys[2], rings[0].values[2] = 0, 0
        active = torch.tensor([True, step % 3 != 1, step > 2])
        projected = torch.randn(SLOTS, 1, 3 * WIDTH, generator=generator)
        out = attention.begin(lengths, active, 1)(rings[0], projected)
        assert out.shape == (SLOTS, 1, WIDTH)
        lengths += active
        for slot in range(SLOTS):
            if active[slot]:
                history.steps[slot].append(projected[slot, 0])
                torch.testing.assert_close(out[slot, 0], history.attention(slot), rtol=1e-4, atol=1e-5)
            else:
                assert out[slot].isfinite().all()
    assert lengths.min() > CAPACITY, "no ring has wrapped"


@pytest.mark.parametrize("slots", range(1, SLOTS + 1))
def test_any_number_of_slots_may_step(slots: int, flash_attention: FlashAttention) -> None:
    """Also one alone, whose lengths are easily a view, which a GPU's operator refuses."""
    ways = flash_attention, masked(flash_attention)
    rings = [cache(way).rings(0, slots)[0] for way in ways]
    active = torch.ones(slots, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    for step in range(2 * CAPACITY):
        projected = torch.randn(slots, 1, 3 * WIDTH, generator=generator)
        lengths = torch.full((slots,), step)
        outs = [way.begin(lengths, active, 1)(ring, projected) for way, ring in zip(ways, rings, strict=True)]
        torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-5)


def test_a_slot_that_does_not_step_costs_nothing(flash_attention: FlashAttention) -> None:
    """No key of it counts."""
    rings = cache(flash_attention).rings(0, SLOTS)
    attend = flash_attention.begin(torch.tensor([5, 100, 3]), torch.tensor([False, True, False]), 1)
    assert attend.args[1].tolist() == [0, 0, CAPACITY, CAPACITY, 0, 0]  # type: ignore[attr-defined]
    out = attend(rings[0]._replace(values=torch.ones_like(rings[0].values)), torch.ones(SLOTS, 1, 3 * WIDTH))
    assert (out[0] == 0).all()
    assert (out[2] == 0).all()


def test_prefill_reads_only_what_is_written_and_equals_single_steps() -> None:
    attention = MaskedAttention(ROTARY, torch.float32, CPU)
    projected = torch.randn(1, CAPACITY, 3 * WIDTH)
    once, singly = (cache(attention) for _ in range(2))
    once._parts[0][:, :, 1].fill_(math.nan)
    parts = [
        attention.begin_unwrapped(start, stop - start)(once.rings(1, 2)[0], projected[:, start:stop])
        for start, stop in ((0, 4), (4, CAPACITY))
    ]
    steps = [
        attention.begin(torch.tensor([step]), torch.tensor([True]), 1)(
            singly.rings(1, 2)[0], projected[:, step : step + 1]
        )
        for step in range(CAPACITY)
    ]
    torch.testing.assert_close(torch.cat(parts, 1), torch.cat(steps, 1))
    torch.testing.assert_close(once.rings(1, 2), singly.rings(1, 2))


def test_the_operators_arguments_are_those_that_pytorch_has() -> None:
    schema = torch.ops.aten._flash_attention_forward.default._schema  # type: ignore[attr-defined]
    names = [argument.name for argument in schema.arguments]
    code = operator.__code__
    assert list(code.co_varnames[: code.co_argcount]) == names[: code.co_argcount]
    assert "seqused_k" in names


@pytest.mark.parametrize(("outlier", "most"), [(1, 0.015), (8, 0.04)])
def test_attention_over_keys_and_values_of_8_bits_is_off_by_a_few_hundredths(outlier: float, most: float) -> None:
    """Of 300 steps, also with one channel that is larger than all others, as real keys have it."""
    rotary = Rotary(300, 128, 10_000, CPU)
    attention = MaskedAttention(rotary, torch.float32, CPU)
    generator = torch.Generator().manual_seed(4)
    projected = torch.randn(1, 300, 3 * 256, generator=generator)
    projected[..., 300] *= outlier
    outs = []
    for dtype in (torch.float32, torch.int8):
        made = KVCache(SlotState(1, CPU), 1, 2, 300, 128, dtype, cleared=True)
        outs.append(attention.begin_unwrapped(0, 300)(made.rings(0, 1)[0], projected))
    error = float((outs[0] - outs[1]).norm() / outs[0].norm())
    assert 0.0005 < error < most


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_a_filled_window_has_random_numbers_in_one_slot_alone(dtype: torch.dtype) -> None:
    made = KVCache(SlotState(2, CPU), 2, HEADS, CAPACITY, HEAD, dtype, cleared=True)
    made.fill(1)
    for layer in (0, 1):
        other, filled = (made.rings(slot, slot + 1)[layer] for slot in (0, 1))
        assert not any(part.any() for part in other if part is not None)
        for part in (part.float() for part in filled if part is not None):
            assert part.isfinite().all()
            assert (part != 0).float().mean() > 0.9
            assert part.std() > 0.001


def test_what_is_exported_in_8_bits_is_restored_with_its_scales() -> None:
    caches = [KVCache(SlotState(2, CPU), 2, HEADS, CAPACITY, HEAD, torch.int8, cleared=True) for _ in range(2)]
    generator = torch.Generator().manual_seed(5)
    for ring in caches[0].rings(0, 2):
        keys, values = (torch.randn(2, HEADS, 4, HEAD, generator=generator) for _ in range(2))
        ring.write(torch.arange(4).view(1, 1, 4, 1).expand(2, -1, -1, -1), keys, values)
    assert caches[1].restore(1, caches[0].export(0, 4)) == 4
    for one, other in zip(caches[0].rings(0, 1), caches[1].rings(1, 2), strict=True):
        for ours, theirs in zip(one.read(4, torch.float32), other.read(4, torch.float32), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.abs().sum() > 0
