from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from moshi_backend.model.capacity import GIB, DoesNotFit, Needs, choose_slots
from moshi_backend.model.cuda_graphs import CudaGraphRunner, RecordingCost, graph_sizes, measure_recording

SLOT = 1_572_864_416
"""Bytes of a conversation with the 7B model: 3000 steps of keys and values in bfloat16."""

NEEDS = Needs(SLOT)


def test_what_fits_is_what_is_free_beside_the_reserve() -> None:
    assert Needs(2, reserve=10).fitting(21) == 5
    assert Needs(2, reserve=10).fitting(5) == 0


def test_the_graphs_of_every_size_take_memory_too() -> None:
    """With 8 slots there are four graphs, and with 9 five."""
    needs = Needs(10, graph=7, reserve=1, graphs=lambda slots: len(graph_sizes(slots, torch.device("cuda"))))
    assert needs.total(8) == 80 + 4 * 7 + 1
    assert needs.fitting(80 + 4 * 7 + 1) == 8
    assert needs.fitting(80 + 4 * 7) == 7
    assert needs.fitting(90 + 4 * 7 + 1) == 8
    assert needs.fitting(90 + 5 * 7 + 1) == 9


def test_auto_takes_what_fits_up_to_a_limit() -> None:
    assert choose_slots(None, NEEDS, free=20 * GIB, most=64) == 12
    assert choose_slots(None, NEEDS, free=200 * GIB, most=64) == 64


def test_a_number_that_fits_is_taken_whatever_the_limit_of_auto() -> None:
    assert choose_slots(100, NEEDS, free=200 * GIB, most=64) == 100


@pytest.mark.parametrize(("wanted", "free", "fit"), [(40, 20, 12), (1, 2, 0), (None, 2, 0)])
def test_too_many_is_told_with_how_many_would_fit(wanted: int | None, free: int, fit: int) -> None:
    with pytest.raises(DoesNotFit) as caught:
        choose_slots(wanted, NEEDS, free=free * GIB, most=64)
    full = caught.value
    assert (full.wanted, full.fitting, full.slot_bytes, full.free) == (wanted, fit, SLOT, (free - 1) * GIB)


def test_a_gpu_records_a_few_sizes_and_a_cpu_steps_in_any() -> None:
    gpu = torch.device("cuda")
    assert graph_sizes(80, gpu) == [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 80]
    assert graph_sizes(42, gpu) == [1, 2, 4, 8, 16, 24, 32, 40, 42]
    assert len(graph_sizes(256, gpu)) == 23
    assert graph_sizes(3, torch.device("cpu")) == [1, 2, 3]


def test_a_recording_is_measured_apart_from_what_libraries_take_once() -> None:
    """The first recording takes what libraries keep (500), working memory for 8 slots (8 * 30) and a graph (100). The
    second one takes a graph, since it shares the working memory."""
    free = [10_000]
    takes = iter([500 + 8 * 30 + 100, 100])

    def record(slots: int) -> None:
        free[0] -= next(takes)

    assert measure_recording(record, 8, lambda: free[0], lambda: 8 * 30) == RecordingCost(graph=100, slot=30)


def test_the_first_recording_lives_until_the_second_one_is_measured() -> None:
    """Also if both are of one slot. Otherwise the memory of the first would be free again, and a graph cost nothing."""
    free = [10_000]

    class Graph:
        def __init__(self) -> None:
            free[0] -= 100

        def __del__(self) -> None:
            free[0] += 100

    assert measure_recording(lambda _: Graph(), 1, lambda: free[0], lambda: 30) == RecordingCost(graph=100, slot=30)
    assert free == [10_000]


def test_every_size_warms_up_before_the_first_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording keeps its working memory, so a warm-up after it would need as much again."""
    stream = SimpleNamespace(wait_stream=lambda _: None)
    for name, value in (
        ("graph_pool_handle", lambda: None),
        ("Stream", lambda: stream),
        ("current_stream", lambda: stream),
        ("CUDAGraph", SimpleNamespace),
        ("stream", lambda _: nullcontext()),
    ):
        monkeypatch.setattr(torch.cuda, name, value)
    did: list[str | int] = []

    @contextmanager
    def graph(_graph: object, **_: object) -> Iterator[None]:
        did.append("record")
        yield

    monkeypatch.setattr(torch.cuda, "graph", graph)
    CudaGraphRunner(did.append, [1, 4, 2])
    warmed = [size for size in (4, 2, 1) for _ in range(CudaGraphRunner.WARM_UPS)]
    assert did == [*warmed, "record", 4, "record", 2, "record", 1]
