"""Steps on a GPU: recorded once as CUDA graphs, then replayed.

A step of the 7B model launches more than a thousand small kernels. One by one their launches take a third of a frame's
time or more. Recorded, they are one launch. A graph is for one number of slots, so there is one for each of a few
sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch


def graph_sizes(slots: int, device: torch.device) -> list[int]:
    """The numbers of slots that a step may run for, smallest first.

    Every one on a CPU, which records nothing. On a GPU 1, 2, 4, multiples of 8 up to 64, and then of 16: reading the
    weights costs most, and slots that do not step cost little. Each size takes memory for its graph.
    """
    if device.type == "cpu":
        return list(range(1, slots + 1))
    return sorted({size for size in (1, 2, 4, *range(8, 64, 8), *range(64, slots, 16)) if size < slots} | {slots})


@dataclass(frozen=True)
class RecordingCost:
    """Bytes of a GPU's memory: of one graph, and of what a step needs for each slot while it runs."""

    graph: int
    slot: int


def measure_recording(
    record: Callable[[int], object], slots: int, free: Callable[[], int], working: Callable[[], int]
) -> RecordingCost:
    """Record a step twice, and see how the memory changes.

    Args:
        record: records a step of so many slots. The graph lives as long as the result.
        slots: of the first recording. The second one has a single slot and shares the first one's working memory.
        free: bytes that are free.
        working: bytes that a step of `slots` slots takes while it runs; asked after the first recording.
    """
    graphs = [record(slots)]  # kept, because a graph that nobody holds gives its memory back
    per_slot = -(-working() // slots)
    before = free()
    graphs.append(record(1))
    return RecordingCost(max(0, before - free()), per_slot)


class CudaGraphRunner:
    """Records `step` for each of `sizes` at once, largest first so that the others fit into its memory.

    A call replays the graph of that size.
    """

    WARM_UPS = 3
    """Calls before recording, in which libraries choose their kernels and allocate what they keep."""

    def __init__(self, step: Callable[[int], None], sizes: list[int]) -> None:
        self._step = step
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._pool = torch.cuda.graph_pool_handle()
        # Libraries keep working memory for each stream, 32 MiB on an H100, so there is one for everything.
        self._aside = torch.cuda.Stream()
        self._aside.wait_stream(torch.cuda.current_stream())
        largest_first = sorted(sizes, reverse=True)
        # A recording keeps its memory for later recordings. A warm-up after it would need as much again.
        for slots in largest_first:
            self._warm_up(slots)
        for slots in largest_first:
            self._graphs[slots] = self._capture(slots)

    def record(self, slots: int) -> torch.cuda.CUDAGraph:
        """Record a step of so many slots, which a call does not replay."""
        self._warm_up(slots)
        return self._capture(slots)

    def _warm_up(self, slots: int) -> None:
        with torch.cuda.stream(self._aside):
            for _ in range(self.WARM_UPS):
                self._step(slots)

    def _capture(self, slots: int) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._aside):  # waits for the device first
            self._step(slots)
        return graph

    def __call__(self, slots: int) -> None:
        """Replay the step of the first `slots` slots. The result is in the tensors of the recording."""
        self._graphs[slots].replay()
