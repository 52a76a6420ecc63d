"""Whether the kernels compute on this device as PyTorch does. Runs at each start, before the weights are loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.errors import LoadError
from moshi_backend.errors import kernels as errors
from moshi_backend.model.attention.compiled import CompiledAttention
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.ring import Ring
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.depformer import attend_codebooks
from moshi_backend.model.kernels.driver import Driver, KernelError
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.kernels.specs import DEPFORMER_HEAD, MOST_SPLITS, TEMPORAL_HEAD
from moshi_backend.model.sampling import Sampler
from moshi_backend.model.tokens import NO_TOKEN
from moshi_service.errors import Problem

TOLERANCE = 0.02
"""Of a result, the norm of the difference over the norm of PyTorch's result. Rounding to bfloat16 gives 0.004."""

IDLE = 4
"""The slot that does not step."""


@dataclass(frozen=True)
class KernelStatus:
    """Whether the kernels are used.

    Attributes:
        kernels: none if they are not.
        failed: why they cannot be used, although they should.
        detail: why they need not be used; empty if they are used or fail.
    """

    kernels: Kernels | None
    failed: Problem | None = None
    detail: str = ""

    def __str__(self) -> str:
        if self.kernels is not None:
            return "in use"
        return f"failed: {self.failed.text}" if self.failed else f"not used: {self.detail}"


def try_kernels(device: torch.device, dtype: torch.dtype, wanted: bool) -> KernelStatus:
    """The kernels if they run here. PyTorch's own operations serve otherwise.

    Raises:
        LoadError: a kernel broke the GPU's context, so that nothing else runs in this process.
    """
    if not wanted:
        return KernelStatus(None, detail="MOSHI_KERNELS=off")
    if device.type != "cuda":
        return KernelStatus(None, detail="they are for NVIDIA GPUs")
    if dtype != torch.bfloat16:
        return KernelStatus(None, detail="they are for bfloat16")
    try:
        return KernelStatus(open_kernels(device))
    except KernelError as error:
        _expect_context(device, error)
        return KernelStatus(None, failed=error.problem)


def _expect_context(device: torch.device, error: KernelError) -> None:
    """Look whether the GPU still works after a kernel failed."""
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        raise LoadError(errors.gpu_broken_by_kernel(str(error))) from error


def open_kernels(device: torch.device) -> Kernels:
    """The kernels, loaded and checked.

    Raises:
        KernelError: they cannot run here, or compute something else.
    """
    kernels = Kernels(Driver(device))
    try:
        check(kernels, device)
    except RuntimeError as error:
        raise KernelError(errors.kernel_failed(error)) from error
    return kernels


@torch.inference_mode()
def check(kernels: Kernels, device: torch.device, heads: int = 4, capacity: int = 3000) -> None:
    """Compare each kernel with PyTorch on random numbers.

    Args:
        heads, capacity: of the attention. The rings are long, so that a program's share of one takes several turns.
    Raises:
        KernelError: says which differs.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, torch.bfloat16)

    _check_attention(kernels, device, draw, (heads, capacity), eight_bit=False)
    _check_attention(kernels, device, draw, (heads, capacity), eight_bit=True)
    _check_codebooks(kernels, draw)
    for width in (1024, 4096):
        _check_norm(kernels, draw(5, 1, width), draw(5, 1, width), draw(width).float())
    gate = draw(5, 1, 2 * 2816)
    first, second = gate.chunk(2, dim=-1)
    _compare("silu_gate", kernels.silu_gate(gate), F.silu(first) * second)
    tokens = torch.randint(0, 8, (5, 17), generator=generator).to(device)
    starts, table = torch.arange(17, device=device) * 8, draw(17 * 8, 4096)
    text, *audio = table[tokens + starts].unbind(1)
    _compare("embed", kernels.embed(tokens, starts, table), reduce(torch.add, [*audio, text]))
    for vocabulary in (2048, 32_000):
        _check_sample(kernels, draw(32, vocabulary) * 3, generator)


def _check_attention(
    kernels: Kernels, device: torch.device, draw: Callable[..., Tensor], size: tuple[int, int], eight_bit: bool
) -> None:
    name = "decode_attention_int8" if eight_bit else "decode_attention"
    heads, capacity = size
    # No step yet, few, half a ring, a full one, a wrapped one.
    lengths = torch.tensor([0, 1, 31, 32, capacity // 2, capacity - 1, capacity, 4 * capacity + 34], device=device)
    slots = len(lengths)
    shape = (slots, heads, capacity, TEMPORAL_HEAD)
    ring = Ring(draw(*shape), draw(*shape))
    if eight_bit:
        scales = [draw(*shape[:3]).abs().div_(100).half() for _ in range(2)]
        ring = Ring(*[(part * 30).clamp(-127, 127).to(torch.int8) for part in ring[:2]], *scales)
    rotary = Rotary(capacity, TEMPORAL_HEAD, 10_000.0, device)
    active = torch.arange(slots, device=device) != IDLE
    # PyTorch's way reads entries behind the end as zeros. The kernel is not to read them at all.
    expected = _hidden(ring, lengths, 0)
    if not eight_bit:
        ring = _hidden(ring, lengths, torch.nan)
    idle = [part[IDLE].clone() for part in _parts(ring)]
    # A step of many slots splits their rings into fewer shares.
    split = [kernels.for_programs(slots * heads * 2**exponent) for exponent in range(MOST_SPLITS.bit_length())]
    for _ in range(2):  # the second time the ring has what the first one wrote
        projected = draw(slots, 1, 3 * heads * TEMPORAL_HEAD)
        theirs = MaskedAttention(rotary, torch.bfloat16, device).begin(lengths, active, 1)(expected, projected)
        for each in split:
            ours = CompiledAttention(rotary, each).begin(lengths, active, 1)(ring, projected)
            _compare(name, ours[active], theirs[active])
            if ours[IDLE].any():
                raise KernelError(errors.kernel_answers_idle_slot(name))
        lengths += active
    mine, wanted = (_hidden(each, lengths, 0) for each in (ring, expected))
    for part, one, other, before in zip(_parts(ring), _parts(mine), _parts(wanted), idle, strict=True):
        _compare(f"what {name} writes", one[active], other[active])
        if not torch.equal(part[IDLE].nan_to_num(), before.nan_to_num()):
            raise KernelError(errors.kernel_writes_idle_slot(name))


def _parts(ring: Ring) -> list[Tensor]:
    return [part for part in ring if part is not None]


def _hidden(ring: Ring, lengths: Tensor, value: float) -> Ring:
    """A copy in which entries that no step has written have a value."""
    behind = (torch.arange(ring.keys.shape[2], device=lengths.device) >= lengths[:, None])[:, None]
    return Ring(*[part.masked_fill(behind if part.ndim == 3 else behind[..., None], value) for part in _parts(ring)])


def _check_codebooks(kernels: Kernels, draw: Callable[..., Tensor]) -> None:
    slots, heads, codebooks = 3, 16, 8
    kv = draw(2, slots, heads, codebooks, DEPFORMER_HEAD)
    expected = kv.clone()
    for codebook in range(codebooks):
        projected = draw(slots, 1, 3 * heads * DEPFORMER_HEAD)
        ours = kernels.attend_codebooks(kv, codebook, projected)
        _compare("codebook_attention", ours, attend_codebooks(expected, codebook, projected))
    _compare("what codebook_attention writes", kv, expected)


def _check_norm(kernels: Kernels, x: Tensor, pending: Tensor, weight: Tensor) -> None:
    eps = 1e-5
    for name, added in (("norm", None), ("add_norm", pending)):
        total, normed = kernels.add_norm(x, added, weight, eps)
        expected = x if added is None else x + added
        wide = expected.float()
        _compare(f"the sum of {name}", total, expected)
        scale = weight * torch.rsqrt(eps + wide.square().mean(-1, keepdim=True))
        _compare(name, normed, (wide * scale).to(x.dtype))


def _check_sample(kernels: Kernels, logits: Tensor, generator: torch.Generator) -> None:
    """Another rounding may choose the neighbour of a token now and then."""
    slots, vocabulary = logits.shape
    uniform = torch.rand(slots, 1, generator=generator).to(logits.device)
    controls = torch.tensor([[0.7, 25.0], [0.8, 250.0], [1.0, 1.0], [1.2, 2.0**24]]).repeat(slots // 4, 1)
    controls = controls.to(logits.device)
    forced = torch.full((slots,), NO_TOKEN, device=logits.device)
    forced[0] = 7
    expected = Sampler(controls, vocabulary)(logits, uniform)
    expected[0] = 7
    tokens = kernels.sample(logits, uniform[:, 0], controls, forced)
    differing = int((tokens != expected).sum())
    if differing > 1 or tokens[0] != 7:
        raise KernelError(errors.kernel_samples_differently(differing, slots))


def _compare(name: str, ours: Tensor, theirs: Tensor) -> None:
    ours, theirs = ours.float(), theirs.float()
    difference = float((ours - theirs).norm() / theirs.norm())
    if not difference < TOLERANCE:  # also NaN
        raise KernelError(errors.kernel_differs(name, difference, TOLERANCE))
