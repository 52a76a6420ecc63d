"""The check at start finds kernels that compute something else, each in its own way."""

from collections.abc import Callable
from functools import reduce

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.errors import LoadError
from moshi_backend.errors import kernels as errors
from moshi_backend.model.attention.ring import Ring
from moshi_backend.model.attention.rotation import Place, turn_and_write
from moshi_backend.model.depformer import attend_codebooks
from moshi_backend.model.kernels import selfcheck
from moshi_backend.model.kernels.driver import KernelError, pack, suitable
from moshi_backend.model.kernels.operations import Kernels, splits
from moshi_backend.model.kernels.selfcheck import IDLE, KernelStatus, check, open_kernels, try_kernels
from moshi_backend.model.sampling import Sampler
from moshi_backend.model.tokens import NO_TOKEN

CPU = torch.device("cpu")


class ByPytorch(Kernels):
    """The kernels' results by PyTorch's means, slot by slot."""

    def __init__(self) -> None:
        super().__init__(lambda *_: None)

    def add_norm(self, x: Tensor, pending: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        total = x if pending is None else x + pending
        return total, F.rms_norm(total.float(), weight.shape, weight, eps).to(x.dtype)

    def silu_gate(self, x: Tensor) -> Tensor:
        gate, value = x.chunk(2, dim=-1)
        return F.silu(gate) * value

    def embed(self, tokens: Tensor, starts: Tensor, table: Tensor) -> Tensor:
        text, *audio = table[tokens + starts].unbind(1)
        return reduce(torch.add, [*audio, text])

    def sample(self, logits: Tensor, uniform: Tensor, controls: Tensor, forced: Tensor) -> Tensor:
        sampled = Sampler(controls, logits.shape[1])(logits, uniform[:, None])
        return torch.where(forced == NO_TOKEN, sampled, forced)

    def attend_codebooks(self, kv: Tensor, codebook: int, projected: Tensor) -> Tensor:
        return attend_codebooks(kv, codebook, projected)

    def attend(self, ring: Ring, projected: Tensor, rotation: Tensor, lengths: Tensor, active: Tensor) -> Tensor:
        slots, heads, capacity, head = ring.keys.shape
        out = torch.zeros(slots, 1, heads * head, dtype=projected.dtype)
        for slot in active.nonzero()[:, 0].tolist():
            length = lengths[slot].view(1, 1, 1, 1)
            place = Place(length, length % capacity, torch.view_as_complex(rotation[slot])[None, None, None])
            one = Ring(*[part if part is None else part[slot : slot + 1] for part in ring])  # type: ignore[arg-type]
            query = turn_and_write(projected[slot : slot + 1], one, place)
            keys, values = one.read(min(int(length) + 1, capacity), projected.dtype)
            out[slot] = F.scaled_dot_product_attention(query, keys, values).flatten()
        return out


def test_kernels_that_compute_as_pytorch_pass() -> None:
    check(ByPytorch(), CPU, heads=1, capacity=300)


@pytest.mark.parametrize(
    ("method", "spoiled", "says"),
    [
        ("add_norm", lambda result, _: result[1].mul_(1.05), r"norm differs from PyTorch by 0\.05 of the result"),
        ("add_norm", lambda result, _: result[1].fill_(torch.nan), "norm differs from PyTorch by nan"),
        ("silu_gate", lambda result, _: result.mul_(1.05), "silu_gate differs"),
        ("attend_codebooks", lambda result, _: result.mul_(1.05), "codebook_attention differs"),
        ("embed", lambda result, _: result[0].mul_(1.3), "embed differs"),
        ("sample", lambda result, _: result[5:9].add_(1), "sample chooses other tokens than PyTorch in 4 of 32 slots"),
        ("sample", lambda result, _: result[0].add_(1), "sample chooses other tokens"),
        ("attend_codebooks", lambda _, given: given[0].mul_(1.05), "codebook_attention differs|writes differs"),
        ("attend", lambda result, _: result[2].mul_(1.3), "decode_attention differs"),
        ("attend", lambda result, _: result[IDLE].fill_(1), "an output for a slot that does not step"),
        ("attend", lambda _, given: given[0].keys[0, 0, 0].fill_(30), "decode_attention"),
        ("attend", lambda _, given: given[0].keys[IDLE].fill_(1), "writes into a slot that does not step"),
    ],
)
def test_a_kernel_that_computes_something_else_is_found(
    method: str, spoiled: Callable[..., object], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = ByPytorch()
    sound = getattr(kernels, method)

    def broken(*given: object) -> object:
        result = sound(*given)
        spoiled(result, given)
        return result

    monkeypatch.setattr(kernels, method, broken)
    with pytest.raises(KernelError, match=says):
        check(kernels, CPU, heads=1, capacity=300)


def test_kernels_of_eight_bits_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = ByPytorch()
    sound = kernels.attend

    def broken(ring: Ring, *given: Tensor) -> Tensor:
        return sound(ring, *given).mul_(1.3 if ring.key_scales is not None else 1)

    monkeypatch.setattr(kernels, "attend", broken)
    with pytest.raises(KernelError, match="decode_attention_int8 differs"):
        check(kernels, CPU, heads=1, capacity=300)


@pytest.mark.parametrize("wrong", [1, 2, 4, 8, 16])
def test_every_number_of_shares_is_checked(wrong: int) -> None:
    class Broken(ByPytorch):
        def attend(self, ring: Ring, *given: Tensor) -> Tensor:
            slots, heads, *_ = ring.keys.shape
            return super().attend(ring, *given).mul_(1.3 if splits(slots, heads, self._programs) == wrong else 1)

    with pytest.raises(KernelError, match="decode_attention differs"):
        check(Broken(), CPU, heads=1, capacity=300)


def test_a_kernel_that_fails_is_an_error_of_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ByPytorch):
        def silu_gate(self, x: Tensor) -> Tensor:
            raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setattr(selfcheck, "Driver", lambda _: None)
    monkeypatch.setattr(selfcheck, "Kernels", lambda _: Broken())
    with pytest.raises(KernelError, match="a kernel failed: CUDA error: an illegal memory access"):
        open_kernels(CPU)


def test_kernels_are_for_bfloat16_on_a_gpu_and_can_be_turned_off() -> None:
    cuda = torch.device("cuda", 0)
    assert str(try_kernels(CPU, torch.bfloat16, True)) == "not used: they are for NVIDIA GPUs"
    assert str(try_kernels(cuda, torch.float16, True)) == "not used: they are for bfloat16"
    assert str(try_kernels(cuda, torch.bfloat16, False)) == "not used: MOSHI_KERNELS=off"
    assert str(KernelStatus(ByPytorch())) == "in use"


def test_kernels_that_differ_are_not_used_and_the_service_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def differing(_: object) -> Kernels:
        raise KernelError(errors.kernel_differs("embed", 0.5, 0.02))

    monkeypatch.setattr(selfcheck, "open_kernels", differing)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    status = try_kernels(torch.device("cuda", 0), torch.bfloat16, True)
    assert status.kernels is None and status.failed is not None
    assert (status.failed.code, str(status)) == ("kernel-differs", f"failed: {status.failed.text}")


def test_a_gpu_that_a_kernel_has_broken_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Kernels:
        raise KernelError(errors.kernel_failed("an illegal address"))

    def lost(_: object) -> None:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(selfcheck, "open_kernels", broken)
    monkeypatch.setattr(torch.cuda, "synchronize", lost)
    with pytest.raises(LoadError, match=r"an illegal address, and the GPU takes no more work .* MOSHI_KERNELS=off"):
        try_kernels(torch.device("cuda", 0), torch.bfloat16, True)


def test_a_gpu_runs_the_newest_kernels_of_its_own_major_version() -> None:
    assert [suitable(gpu) for gpu in ((8, 0), (8, 6), (8, 7), (8, 9), (9, 0))] == [80, 86, 86, 89, 90]
    for other in ((7, 5), (10, 0), (12, 0)):
        with pytest.raises(KernelError, match=rf"none for a GPU of compute capability {other[0]}\.{other[1]}"):
            suitable(other)


def test_arguments_are_packed_in_the_order_and_the_types_of_the_kernel() -> None:
    x, out = torch.zeros(4), torch.zeros(2)
    packed = pack("silu_gate", (x, out, 2))
    assert [type(value).__name__ for value in packed] == ["c_void_p", "c_void_p", "c_int"]
    assert [value.value for value in packed] == [x.data_ptr(), out.data_ptr(), 2]
    with pytest.raises(ValueError, match="zip"):
        pack("silu_gate", (x, out))
