"""Steps on a GPU: recorded once as CUDA graphs, then replayed.

A step of the 7B model launches thousands of small kernels; launched one by one they take longer than a frame lasts.
Recorded, they are one launch. A graph is for one number of slots, so there is one for each of a few sizes.
"""

from collections.abc import Callable

import torch


def graph_sizes(slots: int, device: torch.device) -> list[int]:
    """The numbers of slots that a step may run for, smallest first.

    Every one on a CPU, which records nothing. On a GPU 1, 2, 4 and multiples of 8: reading the weights costs most, and
    slots that are computed in vain cost little.
    """
    if device.type == "cpu":
        return list(range(1, slots + 1))
    return sorted({size for size in (1, 2, 4, *range(8, slots, 8)) if size < slots} | {slots})


class CudaGraphRunner:
    """Records `step` for each of `sizes` at once, largest first so that the others fit into its memory.

    A call replays the graph of that size.
    """

    WARM_UPS = 3
    """Calls before recording, in which libraries choose their kernels and allocate what they keep."""

    def __init__(self, step: Callable[[int], None], sizes: list[int]) -> None:
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        pool = torch.cuda.graph_pool_handle()
        # Libraries keep working memory for each stream, 32 MiB on an H100, so there is one for everything.
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        for slots in sorted(sizes, reverse=True):
            with torch.cuda.stream(aside):
                for _ in range(self.WARM_UPS):
                    step(slots)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, stream=aside):  # waits for the device first
                step(slots)
            self._graphs[slots] = graph

    def __call__(self, slots: int) -> None:
        """Replay the step of the first `slots` slots. The result is in the tensors of the recording."""
        self._graphs[slots].replay()
