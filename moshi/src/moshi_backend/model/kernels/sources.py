"""The kernels, in Triton. Only `make kernels` and the tests import this.

Sums and powers are in float32. Results that PyTorch would round to 16 bits on the way are rounded here too.
"""

import triton
import triton.language as tl

NOTHING = tl.constexpr(-1e30)
"""A score below all others. Minus infinity would make NaN of a difference."""

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def add_norm(
    x_ptr,
    pending_ptr,
    weight_ptr,
    sum_ptr,
    out_ptr,
    x_stride,
    pending_stride,
    width,
    eps,
    ADD: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """RMSNorm of x plus what is pending, and their sum. One program for each row, which is at most BLOCK wide."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < width
    x = tl.load(x_ptr + row * x_stride + column, mask=inside, other=0.0).to(tl.float32)
    if ADD:
        x += tl.load(pending_ptr + row * pending_stride + column, mask=inside, other=0.0).to(tl.float32)
        rounded = x.to(sum_ptr.dtype.element_ty)
        tl.store(sum_ptr + row * width + column, rounded, mask=inside)
        x = rounded.to(tl.float32)
    weight = tl.load(weight_ptr + column, mask=inside, other=0.0)
    scale = weight * tl.rsqrt(eps + tl.sum(x * x, 0) / width)
    tl.store(out_ptr + row * width + column, (x * scale).to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def silu_gate(x_ptr, out_ptr, width, BLOCK: tl.constexpr):
    """SiLU of the first half of each row times the second half. One program for BLOCK columns of a row."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    gate = tl.load(x_ptr + row * 2 * width + column, mask=inside, other=0.0).to(tl.float32)
    value = tl.load(x_ptr + row * 2 * width + width + column, mask=inside, other=0.0).to(tl.float32)
    gate = (gate / (1.0 + tl.exp2(-gate * LOG2_E))).to(out_ptr.dtype.element_ty).to(tl.float32)
    tl.store(out_ptr + row * width + column, (gate * value).to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def turned(x_ptr, rotation_ptr, D: tl.constexpr):
    """A vector whose pairs of neighbours are rotated, rounded as it is stored. `rotation_ptr`: cosine, sine, ..."""
    d = tl.arange(0, D)
    x = tl.load(x_ptr + d).to(tl.float32)
    neighbour = tl.load(x_ptr + (d ^ 1)).to(tl.float32)
    cosine = tl.load(rotation_ptr + (d - d % 2))
    sine = tl.load(rotation_ptr + (d - d % 2) + 1)
    sine = tl.where(d % 2 == 0, -sine, sine)
    return (x * cosine + neighbour * sine).to(x_ptr.dtype.element_ty).to(tl.float32)


@triton.jit
def quantised(x, smallest):
    """A vector as integers of 8 bits, as float32, and their scale."""
    scale = tl.maximum(tl.max(tl.abs(x), 0) / 127.0, smallest).to(tl.float16).to(tl.float32)
    whole = tl.floor(x / scale + 0.5)
    return tl.minimum(tl.maximum(whole, -127.0), 127.0), scale


@triton.jit
def decode_attention(
    projected_ptr,
    rotation_ptr,
    keys_ptr,
    values_ptr,
    key_scales_ptr,
    value_scales_ptr,
    lengths_ptr,
    active_ptr,
    part_ptr,
    top_ptr,
    total_ptr,
    score_scale,
    smallest,
    capacity,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
    EIGHT_BIT: tl.constexpr,
):
    """One query of each slot and head over the written entries of its ring, and the write of its own key and value.

    A program takes one share of the entries; `join_parts` puts the shares together. Each of BLOCK lanes keeps a running
    maximum, sum and output of its own, so the loop has no barrier.

    `projected`: query, key and value before the rotation, [slots, 3, heads, D]. `rotation`: [slots, D / 2, 2].
    """
    slot = tl.program_id(0)
    head = tl.program_id(1)
    split = tl.program_id(2)
    heads = tl.num_programs(1)
    splits = tl.num_programs(2)
    if tl.load(active_ptr + slot) != 0:
        length = tl.load(lengths_ptr + slot)
        # The entry that this step overwrites. No program reads it from memory, where it may be old or new.
        own = (length % capacity).to(tl.int32)
        written = tl.minimum(length, capacity).to(tl.int32)
        d = tl.arange(0, D)
        x_ptr = projected_ptr + (slot.to(tl.int64) * 3 * heads + head) * D
        rotation_ptr += slot * D
        first = (slot.to(tl.int64) * heads + head) * capacity
        query = turned(x_ptr, rotation_ptr, D) * (score_scale * LOG2_E)

        lane = tl.arange(0, BLOCK)
        top = tl.full([BLOCK], NOTHING, dtype=tl.float32)
        total = tl.zeros([BLOCK], dtype=tl.float32)
        out = tl.zeros([BLOCK, D], dtype=tl.float32)
        share = (written + splits * BLOCK - 1) // (splits * BLOCK) * BLOCK
        stop = tl.minimum(split * share + share, written)
        for start in range(split * share, stop, BLOCK):
            entry = start + lane
            seen = (entry < stop) & (entry != own)
            at = (first + entry)[:, None] * D + d[None, :]
            keys = tl.load(keys_ptr + at, mask=seen[:, None], other=0).to(tl.float32)
            values = tl.load(values_ptr + at, mask=seen[:, None], other=0).to(tl.float32)
            score = tl.sum(query[None, :] * keys, 1)
            if EIGHT_BIT:
                score *= tl.load(key_scales_ptr + first + entry, mask=seen, other=0).to(tl.float32)
            score = tl.where(seen, score, NOTHING)
            higher = tl.maximum(top, score)
            shrink = tl.exp2(top - higher)
            weight = tl.where(seen, tl.exp2(score - higher), 0.0)
            total = total * shrink + weight
            if EIGHT_BIT:
                weight *= tl.load(value_scales_ptr + first + entry, mask=seen, other=0).to(tl.float32)
            out = out * shrink[:, None] + weight[:, None] * values
            top = higher

        highest = tl.max(top, 0)
        own_score = highest * 0.0 + NOTHING
        own_value = tl.zeros([D], dtype=tl.float32)
        if split == 0:
            key = turned(x_ptr + heads * D, rotation_ptr, D)
            own_value = tl.load(x_ptr + 2 * heads * D + d).to(tl.float32)
            at = (first + own) * D + d
            if EIGHT_BIT:
                key, key_scale = quantised(key, smallest)
                own_value, value_scale = quantised(own_value, smallest)
                tl.store(key_scales_ptr + first + own, key_scale.to(tl.float16))
                tl.store(value_scales_ptr + first + own, value_scale.to(tl.float16))
                tl.store(keys_ptr + at, key.to(tl.int8))
                tl.store(values_ptr + at, own_value.to(tl.int8))
                key *= key_scale
                own_value *= value_scale
            else:
                tl.store(keys_ptr + at, key.to(keys_ptr.dtype.element_ty))
                tl.store(values_ptr + at, own_value.to(values_ptr.dtype.element_ty))
            own_score = tl.sum(query * key, 0)
            highest = tl.maximum(highest, own_score)
        shrink = tl.exp2(top - highest)
        own_weight = tl.where(split == 0, tl.exp2(own_score - highest), 0.0)
        place = (slot * heads + head) * splits + split
        tl.store(top_ptr + place, highest)
        tl.store(total_ptr + place, tl.sum(total * shrink, 0) + own_weight)
        tl.store(part_ptr + place * D + d, tl.sum(out * shrink[:, None], 0) + own_weight * own_value)


@triton.jit
def join_parts(
    part_ptr,
    top_ptr,
    total_ptr,
    active_ptr,
    out_ptr,
    splits,
    D: tl.constexpr,
    MOST: tl.constexpr,
):
    """The attention of each slot and head, from its shares. That of a slot that does not step is zero."""
    slot = tl.program_id(0)
    place = (slot * tl.num_programs(1) + tl.program_id(1)).to(tl.int64)
    split = tl.arange(0, MOST)
    d = tl.arange(0, D)
    inside = (split < splits) & (tl.load(active_ptr + slot) != 0)
    top = tl.load(top_ptr + place * splits + split, mask=inside, other=NOTHING)
    total = tl.load(total_ptr + place * splits + split, mask=inside, other=0.0)
    at = (place * splits + split)[:, None] * D + d[None, :]
    part = tl.load(part_ptr + at, mask=inside[:, None], other=0.0)
    weight = tl.where(inside, tl.exp2(top - tl.max(top, 0)), 0.0)
    whole = tl.sum(weight * total, 0)
    out = tl.sum(weight[:, None] * part, 0) / tl.where(whole > 0, whole, 1.0)
    tl.store(out_ptr + place * D + d, out.to(out_ptr.dtype.element_ty))


@triton.jit
def codebook_attention(
    projected_ptr,
    keys_ptr,
    values_ptr,
    out_ptr,
    codebook,
    codebooks,
    score_scale,
    D: tl.constexpr,
    MOST: tl.constexpr,
):
    """Attention of one codebook to itself and those before it, and the write of its key and value.

    `projected`: query, key and value, [slots, 3, heads, D]. Keys and values: [slots, heads, codebooks, D].
    """
    slot = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    heads = tl.num_programs(1)
    place = slot * heads + head
    d = tl.arange(0, D)
    entry = tl.arange(0, MOST)
    x_ptr = projected_ptr + (slot * 3 * heads + head) * D + d
    query = tl.load(x_ptr).to(tl.float32) * (score_scale * LOG2_E)
    key = tl.load(x_ptr + heads * D)
    value = tl.load(x_ptr + 2 * heads * D)
    own = (place * codebooks + codebook) * D + d
    tl.store(keys_ptr + own, key)
    tl.store(values_ptr + own, value)
    seen = entry < codebook
    at = (place * codebooks + entry)[:, None] * D + d[None, :]
    keys = tl.load(keys_ptr + at, mask=seen[:, None], other=0.0).to(tl.float32)
    values = tl.load(values_ptr + at, mask=seen[:, None], other=0.0).to(tl.float32)
    score = tl.where(seen, tl.sum(query[None, :] * keys, 1), NOTHING)
    own_score = tl.sum(query * key.to(tl.float32), 0)
    highest = tl.maximum(tl.max(score, 0), own_score)
    weight = tl.where(seen, tl.exp2(score - highest), 0.0)
    own_weight = tl.exp2(own_score - highest)
    out = tl.sum(weight[:, None] * values, 0) + own_weight * value.to(tl.float32)
    out /= tl.sum(weight, 0) + own_weight
    tl.store(out_ptr + place * D + d, out.to(out_ptr.dtype.element_ty))


@triton.jit
def embed(tokens_ptr, starts_ptr, table_ptr, out_ptr, streams, width, BLOCK: tl.constexpr):
    """The sum of the embeddings of all streams, the first stream last. One program for BLOCK columns of a row."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for place in range(1, streams + 1):
        stream = place % streams
        entry = tl.load(tokens_ptr + row * streams + stream) + tl.load(starts_ptr + stream)
        total += tl.load(table_ptr + entry * width + column, mask=inside, other=0.0).to(tl.float32)
        total = total.to(out_ptr.dtype.element_ty).to(tl.float32)
    tl.store(out_ptr + row * width + column, total.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def sample(
    logits_ptr,
    ranked_ptr,
    uniform_ptr,
    controls_ptr,
    forced_ptr,
    out_ptr,
    vocabulary,
    uniform_stride,
    controls_stride,
    forced_stride,
    no_token,
    BLOCK: tl.constexpr,
):
    """The token of each slot: the forced one, or the one in whose share of [0, 1) the random number falls.

    `ranked`: the tokens, the likeliest first and of equals the first, int64 [slots, vocabulary]. `controls`:
    temperature and top-k.
    """
    slot = tl.program_id(0).to(tl.int64)
    logits_ptr += slot * vocabulary
    ranked_ptr += slot * vocabulary
    scale = LOG2_E / tl.load(controls_ptr + slot * controls_stride)
    top_k = tl.load(controls_ptr + slot * controls_stride + 1)
    kept = tl.maximum(tl.minimum(top_k, vocabulary.to(tl.float32)).to(tl.int32), 1)
    worst = tl.load(ranked_ptr + kept - 1)
    lowest = tl.load(logits_ptr + worst).to(tl.float32)
    highest = tl.load(logits_ptr + tl.load(ranked_ptr)).to(tl.float32)

    total = highest * 0.0
    last = worst * 0
    for start in range(0, vocabulary, BLOCK):
        token = start + tl.arange(0, BLOCK)
        logit = tl.load(logits_ptr + token, mask=token < vocabulary, other=0.0).to(tl.float32)
        likely = (token < vocabulary) & ((logit > lowest) | ((logit == lowest) & (token <= worst)))
        total += tl.sum(tl.where(likely, tl.exp2((logit - highest) * scale), 0.0), 0)
        last = tl.maximum(last, tl.max(tl.where(likely, token, 0), 0))
    limit = tl.load(uniform_ptr + slot * uniform_stride) * total

    passed = highest * 0.0
    chosen = worst * 0
    for start in range(0, vocabulary, BLOCK):
        token = start + tl.arange(0, BLOCK)
        logit = tl.load(logits_ptr + token, mask=token < vocabulary, other=0.0).to(tl.float32)
        likely = (token < vocabulary) & ((logit > lowest) | ((logit == lowest) & (token <= worst)))
        weight = tl.where(likely, tl.exp2((logit - highest) * scale), 0.0)
        below = (passed + tl.cumsum(weight, 0) <= limit) & (token < vocabulary)
        chosen += tl.sum(below.to(tl.int32), 0)
        passed += tl.sum(weight, 0)
    # Rounding may leave the sum of all shares below the limit.
    chosen = tl.minimum(chosen, last)
    forced = tl.load(forced_ptr + slot * forced_stride)
    tl.store(out_ptr + slot, tl.where(forced == no_token, chosen, forced))
