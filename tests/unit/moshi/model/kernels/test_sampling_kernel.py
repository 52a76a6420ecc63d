"""The kernels of sampling and embedding in Triton's interpreter, against the sampler and the sums in PyTorch."""

from functools import reduce

import pytest
import torch

from support.interpreter import InterpretedKernels  # isort: skip  # it chooses the interpreter
from moshi_backend.model.sampling import Sampler
from moshi_backend.model.tokens import NO_TOKEN


@pytest.mark.parametrize("vocabulary", [50, 2048, 5000])
def test_sampled_tokens_are_the_samplers(vocabulary: int) -> None:
    """Among them equal logits, numbers next to 0 and 1, one likely token, all of them, and forced tokens."""
    generator = torch.Generator().manual_seed(vocabulary)
    slots = 12
    logits = torch.randn(slots, vocabulary, generator=generator).mul(3).round(decimals=1)
    table = torch.zeros(slots, 7)
    table[:, 2] = torch.rand(slots, generator=generator)
    table[0, 2], table[1, 2], table[2, 2] = 0, 1 - 2**-24, 1 - 2**-24
    table[:, 4] = torch.linspace(0.1, 1.5, slots)
    table[:, 5] = torch.tensor([1, 2.0**24, 25, 250, 1, 2, 3, 40, 2.0**24, 10, 49, 50])
    forced = torch.full((slots, 3), NO_TOKEN)
    forced[3, 1] = 7
    uniform, controls = table[:, 2], table[:, 4:6]
    ours = InterpretedKernels().sample(logits, uniform, controls, forced[:, 1])
    wanted = Sampler(controls, vocabulary)(logits, uniform[:, None])
    wanted[3] = 7
    assert ours.tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_embeddings_are_added_in_upstreams_order(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(17 * 8, 48, generator=generator).to(dtype)
    tokens = torch.randint(0, 8, (5, 17), generator=generator)
    starts = torch.arange(17) * 8
    text, *audio = table[tokens + starts].unbind(1)
    ours = InterpretedKernels().embed(tokens, starts, table)
    torch.testing.assert_close(ours, reduce(torch.add, [*audio, text]), rtol=0, atol=0)


def test_a_top_k_of_zero_reads_nothing_outside_and_counts_as_one() -> None:
    """The sampler never gets it. But the kernel would read before its tensor, and the GPU would take no more work."""
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(4))
    controls = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    forced = torch.full((2,), NO_TOKEN)
    tokens = InterpretedKernels().sample(logits, torch.full((2,), 0.5), controls, forced)
    assert tokens.tolist() == logits.argmax(1).tolist()
