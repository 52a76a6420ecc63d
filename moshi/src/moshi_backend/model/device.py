"""The device that the model runs on, its number format, and its free memory."""

import ctypes
from pathlib import Path

import torch

SMALL = 100_000_000
"""Parameters up to which the calculations of one step are too short to be worth sharing among threads."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of the C library's `malloc.h`."""
MOST_KEPT = 64 << 20
"""Bytes of free memory that stay with the process."""
LARGEST_KEPT = 32 << 20
"""Bytes of the largest tensor whose memory stays. A larger one, such as a weight, goes back to the system at once."""


class NoSuchGPU(Exception):
    """PyTorch does not see the GPU. `gpus`: how many it sees."""

    def __init__(self, gpus: int) -> None:
        super().__init__(f"PyTorch {torch.__version__} sees {gpus} GPUs here")
        self.gpus = gpus


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a device; a GPU with its number.

    Raises:
        NoSuchGPU: that GPU is not there.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    number = device.index or 0
    if number >= gpus:
        raise NoSuchGPU(gpus)
    return torch.device("cuda", number)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16, which the released weights are in, except on a CPU, which is slow at it."""
    if name == "auto":
        name = "float32" if device.type == "cpu" else "bfloat16"
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def used_memory(device: torch.device) -> int | None:
    """Bytes in use on a GPU, by all processes; none on a CPU."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return int(total - free)


def choose_threads(parameters: int) -> None:
    """Leave the other cores to audio and sockets where a second thread would wait more than work. Call it on the thread
    that calculates."""
    if parameters < SMALL:
        torch.set_num_threads(1)


def keep_working_memory(device: torch.device) -> None:
    """Keep the memory that a step on a CPU frees, for the next step.

    By default the GNU C library may return it to the system and take it again in each step. These page faults took a
    tenth of a step of 16 conversations of the demo. Other C libraries stay as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if device.type == "cpu" and mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on `device`."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        available = min(available, int(most) - int(used.read_text()))
    return available
