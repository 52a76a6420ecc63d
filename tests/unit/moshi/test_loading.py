"""What is refused before it is loaded."""

import pytest
import torch

from moshi_backend import loading
from moshi_backend.errors import LoadError
from moshi_backend.loading import TOO_LARGE_FOR_A_CPU, check_cpu, load
from moshi_backend.model.capacity import GIB, check_weights
from moshi_backend.model.device import choose_device
from moshi_backend.settings import Settings


def test_a_large_model_runs_on_a_cpu_only_if_somebody_says_so() -> None:
    large = int(TOO_LARGE_FOR_A_CPU) + 1
    with pytest.raises(LoadError, match=r"demo has 2\.0 GB of weights, .* sees no GPU .* MOSHI_ALLOW_SLOW=true"):
        check_cpu(large, Settings())
    check_cpu(large, Settings(allow_slow=True))
    check_cpu(large - 1, Settings())


def test_a_gpu_that_is_too_small_is_told_what_it_lacks() -> None:
    check_weights(15 * GIB, GIB, 17 * GIB)
    with pytest.raises(LoadError, match=r"16\.50 GiB free, .* 15\.00 GiB, a conversation 1\.00 GiB .*: MOSHI_CONTEXT"):
        check_weights(15 * GIB, GIB, int(16.5 * GIB))
    with pytest.raises(LoadError, match=r"12\.00 GiB free.*a larger GPU is needed; .* cross PCIe .* takes 0\.6 s"):
        check_weights(15 * GIB, GIB, 12 * GIB)


def test_a_gpu_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it PyTorch takes whichever the thread happens to use."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen = {"auto": "cuda:0", "cuda": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu"}
    assert {name: str(choose_device(name)) for name in chosen} == chosen
    with pytest.raises(LoadError, match=r"MOSHI_DEVICE=cuda:2 but .* sees 2 GPUs"):
        choose_device("cuda:2")


def test_memory_that_runs_out_on_the_way_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(loading, "BatchedModel", too_much)
    with pytest.raises(LoadError, match=r"the memory of cpu ran out while demo .* MOSHI_SLOTS, which is auto, or"):
        load(Settings(model="demo", device="cpu"), lambda *_: None)
