"""Attention that is limited to its context."""

import pytest
import torch
from moshi.utils.compile import no_compile
from torch.nn import functional as F

from demo_model.architecture import CODEBOOKS, CODES, CONTEXT, new_language_model
from demo_model.banded_attention import banded_attention
from demo_model.tokenizer import TEXT_CARD


@pytest.mark.parametrize("steps", [2 * CONTEXT, 2 * CONTEXT + 1, 4 * CONTEXT, 5 * CONTEXT - 1])
def test_the_language_model_says_the_same_as_with_upstreams_mask(steps: int) -> None:
    torch.manual_seed(1)
    model = new_language_model(TEXT_CARD)
    text, codes = torch.randint(0, TEXT_CARD, (2, 1, steps)), torch.randint(0, CODES, (2, 2 * CODEBOOKS, steps))
    tokens = torch.cat([text, codes], 1)
    with torch.no_grad(), no_compile():
        masked = model.forward_text(tokens)
        with banded_attention(CONTEXT):
            banded = model.forward_text(tokens)
    torch.testing.assert_close(banded, masked, atol=1e-4, rtol=1e-4)


def test_the_gradients_are_the_same() -> None:
    torch.manual_seed(1)
    query, key, value = (torch.randn(1, 2, 50, 8, requires_grad=True) for _ in range(3))
    distance = torch.arange(50)[:, None] - torch.arange(50)
    masked = F.scaled_dot_product_attention(query, key, value, (distance >= 0) & (distance < 16))
    with banded_attention(16):
        banded = F.scaled_dot_product_attention(query, key, value)
    ours, theirs = (torch.autograd.grad((out**2).sum(), (query, key, value)) for out in (banded, masked))
    torch.testing.assert_close(ours, theirs)


def test_pytorchs_function_is_back_after_an_error() -> None:
    before = F.scaled_dot_product_attention

    def fail() -> None:
        with banded_attention(16):
            assert F.scaled_dot_product_attention is not before
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert F.scaled_dot_product_attention is before
