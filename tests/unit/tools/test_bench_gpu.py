"""What tools/bench gpu says, from figures that are given."""

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import Row, main, table

REPORT: dict[str, object] = {
    "device": "a GPU",
    "torch": "2",
    "model": "7b",
    "kv": "int8",
    "kernels": "in use",
    "slots": 40,
    "weight_bytes": 14_750_000_000,
    "slot_bytes": 1_589_000_000,
    "bytes_per_second": 3e12,
}


def test_the_table_says_how_many_conversations_keep_the_deadline_and_how_far_the_floor_is() -> None:
    rows = [
        Row("captured", 32, 40.0, 69.0, 20.0),
        Row("captured", 40, 45.0, 70.1, 25.0),
        Row("eager", 1, 90.0, 95.0, None),
    ]
    said = table(REPORT, rows)
    assert "keys and values: int8; the service's own kernels: in use\n" in said
    assert "14,750 MB of weights, and 1,589.0 MB for each" in said
    assert "3.00 TB/s" in said
    assert "floor  20.00 ms, 2.00 times that\n" in said
    assert "1.80 times that   over 70 ms" in said
    assert "captured: 32 conversations" in said
    assert "eager: 0 conversations" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 3
    assert "sees 0 GPUs" in capsys.readouterr().err


def test_a_memory_that_runs_out_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(gpu, "measure", run_out)
    assert main(["--device", "cpu", "--model", "demo"]) == 3
    assert capsys.readouterr().err == "tools/bench gpu: the device's memory ran out: set a smaller --slots\n"
