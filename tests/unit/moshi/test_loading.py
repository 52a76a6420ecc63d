"""What is refused before it is loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch

from moshi_backend import loading
from moshi_backend.checkpoint.folders import public_name
from moshi_backend.errors import LoadError
from moshi_backend.loading import TOO_LARGE_FOR_A_CPU, check_cpu, check_memory, load
from moshi_backend.model.capacity import GIB, Needs, choose_slots
from moshi_backend.model.device import NoSuchGPU, choose_device
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.kernels.selfcheck import KernelStatus
from moshi_backend.settings import Settings
from support.checkpoints import copied


def test_a_large_model_runs_on_a_cpu_only_if_somebody_says_so() -> None:
    large = int(TOO_LARGE_FOR_A_CPU) + 1
    with pytest.raises(LoadError, match=r"demo has 2\.0 GB of weights, .* sees no GPU .* MOSHI_ALLOW_SLOW=true"):
        check_cpu(large, Settings())
    check_cpu(large, Settings(allow_slow=True))
    check_cpu(large - 1, Settings())


def test_a_gpu_that_is_too_small_is_told_what_it_lacks() -> None:
    check_memory(15 * GIB, GIB, 17 * GIB, 0.08)
    with pytest.raises(LoadError, match=r"16\.50 GiB free, .* 15\.00 GiB, a conversation 1\.00 GiB .*: MOSHI_CONTEXT"):
        check_memory(15 * GIB, GIB, int(16.5 * GIB), 0.08)
    with pytest.raises(LoadError, match=r"12\.00 GiB free.*a larger GPU is needed; .* cross PCIe .* takes 0\.6 s"):
        check_memory(15 * GIB, GIB, 12 * GIB, 0.08)


def test_a_gpu_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it PyTorch takes whichever the thread happens to use."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen = {"auto": "cuda:0", "cuda": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu"}
    assert {name: str(choose_device(name)) for name in chosen} == chosen
    with pytest.raises(NoSuchGPU, match="sees 2 GPUs"):
        choose_device("cuda:2")
    with pytest.raises(LoadError, match=r"MOSHI_DEVICE=cuda:2 but .* sees 2 GPUs"):
        load(Settings(device="cuda:2"), lambda *_: None)


def test_memory_that_runs_out_on_the_way_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(loading, "BatchedModel", too_much)
    with pytest.raises(LoadError, match=r"the memory of cpu ran out while demo .* MOSHI_SLOTS, which is auto, or"):
        load(Settings(model="demo", device="cpu"), lambda *_: None)


@pytest.mark.parametrize(("kernels", "says"), [(True, "set MOSHI_KERNELS=off"), (False, "demo could not be loaded")])
def test_a_gpu_that_a_kernel_broke_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kernels: bool, says: str
) -> None:
    """The check at start cannot find every fault. CUDA reports it at any later call."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...")

    used = Kernels(lambda *_: None) if kernels else None
    monkeypatch.setattr(loading, "try_kernels", lambda *_: KernelStatus(used))
    monkeypatch.setattr(loading, "BatchedModel", broken)
    with pytest.raises(LoadError, match=f"an illegal memory access was encountered.*{says}|{says}.*an illegal memory"):
        load(Settings(model="demo", device="cpu"), lambda *_: None)


@pytest.mark.parametrize(
    ("slots", "free", "says"),
    [
        (40, 20, r"MOSHI_SLOTS=40 takes 58\.59 GiB .* 19\.00 GiB are free .* 12 would fit"),
        (1, 2, r"1\.46 GiB .* none fits: free some memory or .*MOSHI_CONTEXT"),
        ("auto", 2, r"1\.46 GiB .* none fits: free some memory or .*MOSHI_CONTEXT"),
    ],
)
def test_slots_that_do_not_fit_are_told_with_how_many_would(
    slots: Any, free: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_checkpoint: object, wanted: int | None, *_: object, **__: object) -> None:
        choose_slots(wanted, Needs(1_572_864_416), free=free * GIB, most=64)

    monkeypatch.setattr(loading, "BatchedModel", full)
    with pytest.raises(LoadError, match=says):
        load(Settings(device="cpu", slots=slots), lambda *_: None)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("demo", "demo"),
        ("kyutai/moshiko-pytorch-bf16", "kyutai/moshiko-pytorch-bf16"),
        ("{here}/moshi-de", "moshi-de"),
        ("{here}/moshi-de/", "moshi-de"),
        ("{here}/not/there", "there"),
        ("../weights/mine", "mine"),
        ("weights/mine", "mine"),
        ("~/weights/mine", "mine"),
        ("{here}/hub/models--kyutai--moshiko", "kyutai/moshiko"),
        ("{here}/hub/models--kyutai--moshiko/snapshots/0123abcd", "kyutai/moshiko"),
        ("/", "model"),
    ],
)
def test_clients_learn_the_name_of_a_model_but_no_path(
    model: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("moshi-de", "weights/mine", "hub/models--kyutai--moshiko/snapshots/0123abcd"):
        (tmp_path / folder).mkdir(parents=True)
    assert public_name(model.format(here=tmp_path)) == name


def test_progress_is_told_without_the_path_of_the_model_and_the_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, told = copied(tmp_path / "moshi-de"), []
    with caplog.at_level("INFO"):
        load(Settings(model=str(folder), device="cpu", slots=1), lambda _phase, detail, _progress: told.append(detail))
    assert told[:2] == ["finding moshi-de", "moshi-de as float32 on cpu, slots: 1"]
    assert not any(str(tmp_path) in detail for detail in told)
    assert str(folder) in caplog.text
