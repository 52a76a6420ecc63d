"""How a language model runs."""

from dataclasses import dataclass

from moshi_backend.model.kernels.operations import Kernels


@dataclass(frozen=True)
class Plan:
    """
    Attributes:
        context: steps that the model remembers, if fewer than it can.
        eight_bit_kv: whether keys and values are kept in 8 bits.
        kernels: of our own, if they run on the device.
    """

    context: int | None = None
    eight_bit_kv: bool = False
    kernels: Kernels | None = None
