"""Launches compiled kernels through the NVIDIA driver's own library.

Four functions of libcuda by ctypes: Triton's launcher would have to be compiled where the service runs, and NVIDIA's
Python bindings are 20 MB for the same four calls. A launch goes to PyTorch's current stream, so a CUDA graph that
records this stream records the launch.
"""

import ctypes
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Protocol

import torch
from torch import Tensor

from moshi_backend.errors import kernels as errors
from moshi_backend.model.kernels.specs import ARCHITECTURES, SPECS
from moshi_service.errors import ProblemError

type Value = ctypes.c_int32 | ctypes.c_float | ctypes.c_void_p


class KernelError(ProblemError):
    """The kernels cannot run here, or compute something else than PyTorch. The message says why."""


class Launch(Protocol):
    """Starts a kernel."""

    def __call__(self, kernel: str, grid: tuple[int, int, int], *arguments: Tensor | float) -> None:
        """
        Args:
            kernel: a key of SPECS.
            grid: programs in each dimension.
            arguments: the values of the kernel's parameters, in order.
        """
        ...


class Driver:
    """Every kernel, loaded for one GPU. Create it on the thread that launches.

    Raises:
        KernelError: there is no driver or no kernel for this GPU, or the driver refuses one.
    """

    def __init__(self, device: torch.device) -> None:
        architecture = suitable(torch.cuda.get_device_capability(device))
        try:
            self._cuda = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise KernelError(errors.driver_library_missing(error)) from None
        self._device = device
        torch.cuda.set_device(device)  # modules belong to the context that is current, and so do launches
        torch.cuda.synchronize(device)  # makes the context if there is none yet
        compiled = files("moshi_backend.model.kernels") / "compiled"
        manifest = json.loads((compiled / "manifest.json").read_text())
        self._functions: dict[str, tuple[ctypes.c_void_p, int]] = {}
        for name, spec in SPECS.items():
            file = f"sm_{architecture}/{name}.cubin"
            function = self._load((compiled / file).read_bytes(), spec.function)
            self._functions[name] = function, manifest[file]["shared"]

    def __call__(self, kernel: str, grid: tuple[int, int, int], *arguments: Tensor | float) -> None:
        """See `Launch`."""
        function, shared = self._functions[kernel]
        spec = SPECS[kernel]
        values = pack(kernel, arguments)
        places = (ctypes.c_void_p * len(values))(*[ctypes.addressof(value) for value in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream(self._device).cuda_stream)
        threads = 32 * spec.warps
        self._check(self._cuda.cuLaunchKernel(function, *grid, threads, 1, 1, shared, stream, places, None))

    def _load(self, code: bytes, name: str) -> ctypes.c_void_p:
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self._cuda.cuModuleLoadData(ctypes.byref(module), code))
        self._check(self._cuda.cuModuleGetFunction(ctypes.byref(function), module, name.encode()))
        return function

    def _check(self, code: int) -> None:
        if code:
            text = ctypes.c_char_p()
            self._cuda.cuGetErrorString(code, ctypes.byref(text))
            raise KernelError(errors.kernel_refused(text.value.decode() if text.value else f"error {code}"))


def suitable(capability: tuple[int, int]) -> int:
    """The architecture whose kernels a GPU runs: of the same major version, and not newer than the GPU.

    Raises:
        KernelError: there is none.
    """
    major, minor = capability
    able = [known for known in ARCHITECTURES if known // 10 == major and known % 10 <= minor]
    if not able:
        raise KernelError(errors.kernels_for_other_gpus(f"{major}.{minor}"))
    return max(able)


def pack(kernel: str, arguments: Sequence[Tensor | float]) -> list[Value]:
    """The arguments as the driver takes them."""
    types = SPECS[kernel].parameters.values()
    return [_value(type_, argument) for type_, argument in zip(types, arguments, strict=True)]


def _value(type_: str, argument: Tensor | float) -> Value:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_float(argument) if type_ == "fp32" else ctypes.c_int32(int(argument))
