"""The kernels in Triton's interpreter, on a CPU.

Import this before Triton: Triton decides at its import whether it interprets. With numpy 2 the compiled part of Triton
3.0's interpreter reads garbage, and its conversion to bfloat16 truncates. So both are replaced here. The new load and
store also refuse every address outside the launch's tensors.
"""

import ctypes
import os
import sys
import warnings
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

assert "triton" not in sys.modules, "Triton was imported before its interpreter was chosen"
os.environ["TRITON_INTERPRET"] = "1"
from triton.runtime import interpreter  # noqa: E402

from moshi_backend.model.kernels import sources  # noqa: E402
from moshi_backend.model.kernels.operations import Kernels  # noqa: E402
from moshi_backend.model.kernels.specs import SPECS  # noqa: E402

del os.environ["TRITON_INTERPRET"]

type Array = NDArray[Any]


class Memory:
    """The bytes of the tensors of one launch."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._parts = [
            (tensor.data_ptr(), _extent(tensor) * tensor.element_size()) for tensor in tensors if tensor.numel()
        ]

    def find(self, addresses: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """The numbers of the tensor that holds all these addresses, and the places of the addresses among them."""
        low, high = int(addresses.min()), int(addresses.max()) + dtype.itemsize
        for start, length in self._parts:
            if start <= low and high <= start + length:
                numbers = np.ctypeslib.as_array((ctypes.c_uint8 * length).from_address(start)).view(dtype)
                return numbers, (addresses - np.uint64(start)) // np.uint64(dtype.itemsize)
        raise IndexError("a kernel read or wrote outside its tensors")


def _extent(tensor: Tensor) -> int:
    """Elements from the first to the last one."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


memory = Memory([])


def _load(
    _builder: Any, pointers: Any, mask: Any, other: Any, _cache: Any, _evict: Any, _volatile: Any
) -> interpreter.TensorHandle:
    element = pointers.get_element_ty()
    dtype = interpreter._get_np_dtype(element)
    found = np.zeros(pointers.data.shape, dtype)
    if other is not None:
        found[...] = other.data
    on = np.broadcast_to(mask.data, found.shape).astype(bool)
    if on.any():
        numbers, places = memory.find(pointers.data[on], dtype)
        found[on] = numbers[places]
    return interpreter.TensorHandle(found, element)


def _store(_builder: Any, pointers: Any, value: Any, mask: Any, _cache: Any, _evict: Any) -> None:
    on = np.broadcast_to(mask.data, pointers.data.shape).astype(bool)
    if on.any():
        values = np.broadcast_to(value.data, on.shape)[on]
        numbers, places = memory.find(pointers.data[on], values.dtype)
        numbers[places] = values


def _convert(values: Array, source: Any, target: Any, _mode: Any) -> Array:
    """Between bfloat16, which numpy does not have, and float32; to the nearest, ties to even."""
    flat = np.ascontiguousarray(values).reshape(-1)
    if str(source) == "bf16":
        wide = torch.from_numpy(flat.view(np.int16)).view(torch.bfloat16).float().numpy()
        return wide.view(np.uint32).reshape(values.shape)
    assert str(target) == "bf16"
    narrow = torch.from_numpy(flat.view(np.float32).copy()).bfloat16().view(torch.int16).numpy()
    return narrow.view(np.uint16).reshape(values.shape)


interpreter.InterpreterBuilder.create_masked_load = _load
interpreter.InterpreterBuilder.create_masked_store = _store
interpreter._convert_float = _convert
# Once is enough, and each call of a kernel's function would do it again.
interpreter._patch_builtin = cache(interpreter._patch_builtin)


def interpret(kernel: str, grid: tuple[int, int, int], *arguments: Tensor | float) -> None:
    """Run a kernel as `Launch` does, for heads of any width and any numbers."""
    global memory
    spec = SPECS[kernel]
    named = dict(zip(spec.parameters, arguments, strict=True))
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    constants = dict(spec.constants)
    if "out_ptr" in named and "D" in constants:
        out = named["out_ptr"]
        assert isinstance(out, Tensor)
        constants["D"] = out.shape[-1] // grid[1]
    elif "part_ptr" in named:
        part = named["part_ptr"]
        assert isinstance(part, Tensor)
        constants["D"] = part.shape[-1]
    memory = Memory(tensors)
    with warnings.catch_warnings(), np.errstate(over="ignore", under="ignore"):
        warnings.simplefilter("ignore", DeprecationWarning)  # Triton turns arrays of one number into scalars
        getattr(sources, spec.function)[grid](*arguments, **constants)


class InterpretedKernels(Kernels):
    """The kernels for shapes and numbers that the compiled ones do not take."""

    def __init__(self, programs: int = 16) -> None:
        super().__init__(interpret, programs)

    def takes_norm(self, width: int, dtype: torch.dtype) -> bool:
        return True

    def takes_gate(self, width: int, dtype: torch.dtype) -> bool:
        return True

    def takes_attention(self, head: int, dtype: torch.dtype) -> bool:
        return True

    def takes_codebooks(self, head: int, codebooks: int, dtype: torch.dtype) -> bool:
        return True

    def takes_embedding(self, width: int, dtype: torch.dtype) -> bool:
        return True

    def takes_logits(self, dtype: torch.dtype) -> bool:
        return True
