"""Ticks on a GPU: recorded once as CUDA graphs, then replayed.

A tick of the 7B model launches thousands of small kernels; launched one by one they take longer than a frame lasts.
Recorded, they are one launch. A graph is for one number of rows, so there is one for each of a few sizes.
"""

from collections.abc import Callable

import torch


def sizes(slots: int, device: torch.device) -> list[int]:
    """The numbers of rows that a tick may be run for, smallest first.

    Every one on a CPU, which records nothing. On a GPU 1, 2, 4 and multiples of 8: reading the weights costs most, and
    rows that are computed in vain little.
    """
    if device.type == "cpu":
        return list(range(1, slots + 1))
    return sorted({size for size in (1, 2, 4, *range(8, slots, 8)) if size < slots} | {slots})


class CudaGraphRunner:
    """Records `tick` for each of `sizes` at once, largest first so that the others fit into its memory."""

    WARM_UPS = 3
    """Calls before recording, in which libraries choose their kernels and allocate what they keep."""

    def __init__(self, tick: Callable[[int], None], sizes: list[int]) -> None:
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        pool = torch.cuda.graph_pool_handle()
        # Libraries keep working memory for each stream, 32 MiB on an H100, so there is one for everything.
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        for rows in sorted(sizes, reverse=True):
            with torch.cuda.stream(aside):
                for _ in range(self.WARM_UPS):
                    tick(rows)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, stream=aside):  # waits for the device first
                tick(rows)
            self._graphs[rows] = graph

    def __call__(self, rows: int) -> None:
        self._graphs[rows].replay()
