"""The kernels in Triton's interpreter: alone against PyTorch in float32, and behind the model, token for token."""

import numpy as np
import pytest
import torch

from support.interpreter import InterpretedKernels, interpret  # isort: skip  # it chooses the interpreter
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.attention.compiled import CompiledAttention
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.quantise import quantise
from moshi_backend.model.attention.ring import Ring
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.kernels.operations import Kernels, splits
from moshi_backend.model.kernels.selfcheck import check
from moshi_backend.model.plan import Plan
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.model.step import Step
from support.checkpoints import RANDOM_MODEL
from support.speech import speech

CPU = torch.device("cpu")


def test_every_kernel_computes_as_pytorch() -> None:
    """By the check that a service makes at its start."""
    check(InterpretedKernels(), CPU, heads=1, capacity=300)


def test_the_interpreter_refuses_addresses_outside_the_tensors() -> None:
    x = torch.zeros(1, 1, 2 * 32)
    with pytest.raises(Exception, match="outside its tensors"):
        interpret("silu_gate", (2, 1, 1), x, torch.zeros(1, 1, 32), 32)


@pytest.mark.parametrize(("capacity", "programs"), [(20, 32), (64, 32), (150, 1)])
def test_attention_in_float32_is_pytorchs(capacity: int, programs: int) -> None:
    """Shares that are empty, a share of several turns, a ring that has wrapped, and entries that nobody wrote."""
    generator = torch.Generator().manual_seed(1)
    rotary = Rotary(capacity, 16, 10_000, CPU)
    shape = (4, 2, capacity, 16)
    lengths, active = torch.tensor([0, 7, capacity - 1, 245]), torch.tensor([True, True, False, True])
    ours = Ring(torch.full(shape, torch.nan), torch.full(shape, torch.nan))
    theirs = Ring(torch.zeros(shape), torch.zeros(shape))
    for slot, length in enumerate(lengths.tolist()):
        for one, other in zip(ours[:2], theirs[:2], strict=True):
            assert one is not None
            assert other is not None
            written = torch.randn(2, min(length, capacity), 16, generator=generator)
            one[slot, :, : written.shape[1]] = other[slot, :, : written.shape[1]] = written
    projected = torch.randn(4, 1, 3 * 32, generator=generator)
    out = CompiledAttention(rotary, InterpretedKernels(programs)).begin(lengths, active, 1)(ours, projected)
    wanted = MaskedAttention(rotary, torch.float32, CPU).begin(lengths, active, 1)(theirs, projected)
    torch.testing.assert_close(out[active], wanted[active], rtol=1e-5, atol=1e-5)
    assert (out[2] == 0).all()
    torch.testing.assert_close(ours.keys[3], theirs.keys[3])


def test_rings_are_split_until_the_gpu_is_full() -> None:
    assert [splits(slots, 32) for slots in (1, 8, 16, 40, 64, 80, 128)] == [16, 16, 8, 4, 2, 2, 1]


def model(kernels: Kernels | None, eight_bit_kv: bool = False) -> BatchedModel:
    checkpoint = find_checkpoint(str(RANDOM_MODEL), None)
    return BatchedModel(checkpoint, 2, CPU, torch.float32, Plan(12, eight_bit_kv, kernels))


@pytest.mark.parametrize("eight_bit_kv", [False, True])
def test_the_model_says_the_same_with_the_kernels(eight_bit_kv: bool) -> None:
    """Over pauses, a slot that is used again, and a ring that has wrapped."""
    pair = model(InterpretedKernels(1), eight_bit_kv), model(None, eight_bit_kv)
    lively = SamplingParams(TokenSampling(0.7, 25, 1), TokenSampling(0.8, 250, 2))
    greedy = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
    for one in pair:
        one.join(0, greedy)
        one.join(1, lively)
    frames = {slot: speech(slot, 20) for slot in (0, 1)}
    said = 0
    for step in range(20):
        if step == 14:
            for one in pair:
                one.join(0, lively)
        talking = {slot: frames[slot][step] for slot in (0, 1) if slot == 0 or step % 4 != 1}
        ours, theirs = (one.step(talking) for one in pair)
        assert ours.keys() == theirs.keys()
        for slot, frame in ours.items():
            assert frame.tokens == theirs[slot].tokens
            np.testing.assert_allclose(frame.pcm, theirs[slot].pcm, rtol=0, atol=1e-4)
            said += 1
    assert said > 25
    assert int(pair[0]._step._language.steps.max()) > 12


def test_eight_bits_are_off_by_half_a_scale_at_most() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(1000, 128, generator=generator) * torch.logspace(-8, 4, 1000)[:, None]
    x[0] = 0
    whole, scales = quantise(x)
    error = (whole.float() * scales.float()[:, None] - x).abs()
    assert (error <= 0.501 * scales.float()[:, None]).all()
    normal = x.abs().amax(1) > 0.01
    assert (error.amax(1) / x.abs().amax(1))[normal].max() < 1 / 250


def test_a_step_before_any_input_stays_inside_its_tensors() -> None:
    """As recordings on a GPU do. The interpreter refuses every address outside the tensors."""
    fresh = model(InterpretedKernels(1))
    language, frame_size = fresh._step._language, fresh.frame_size
    step = Step(fresh._step._codec, language, frame_size, 2, CPU)
    with torch.inference_mode():
        step(2)
