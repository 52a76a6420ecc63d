"""Our operations round exactly as upstream's do. In 16 bits another order of the same sums gives other tokens."""

import pytest
import torch
from moshi.modules.rope import apply_rope
from moshi.modules.transformer import RMSNorm
from moshi.utils.compile import no_compile

from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.attention.rotation import Rotary, rotate
from moshi_backend.model.block import norm
from moshi_backend.model.loaders import load_moshi

WIDTH = 4096
"""Of the released model."""


@pytest.mark.parametrize("inner", [torch.float32, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_norm_rounds_as_upstreams(dtype: torch.dtype, inner: torch.dtype | None) -> None:
    torch.manual_seed(0)
    module = RMSNorm(WIDTH, eps=1e-8, dtype=inner)
    module.alpha.data.uniform_(0.5, 1.5)
    module = module.to(dtype)
    ours = norm(module)
    with no_compile():
        for _ in range(300):
            x = torch.randn(1, 1, WIDTH).to(dtype)
            torch.testing.assert_close(ours(x), module(x), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_rotation_rounds_as_upstreams(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    module = load_moshi(find_checkpoint("demo", None), "cpu", dtype).transformer
    head = module.layers[0].self_attn.embed_dim // module.layers[0].self_attn.num_heads
    rotary = Rotary(256, head, module.max_period, torch.device("cpu"))
    with no_compile():
        for position in range(0, 20_000, 97):
            x = torch.randn(1, 1, 8, head).to(dtype)
            place = rotary.place(torch.tensor([position]), 1)
            theirs, _ = apply_rope(x, x, torch.tensor([position]), module.max_period, time_before_heads=True)
            torch.testing.assert_close(rotate(x, place.rotation), theirs, rtol=0, atol=0)
