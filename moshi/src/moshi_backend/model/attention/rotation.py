"""Rotary positions: where a step writes, and by which angle it turns queries and keys."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from moshi_backend.model.attention.ring import Ring


class Place(NamedTuple):
    """Where the slots are in one step.

    `positions`: number of each step, int64 [slots, time]. `entry`: its entry in the ring, [slots, 1, time, 1].
    `rotation`: of queries and keys, complex [slots, time, 1, head / 2].
    """

    positions: Tensor
    entry: Tensor
    rotation: Tensor


class Rotary:
    """The rotations of one transformer.

    Args:
        head: width of a head.
        max_period: of the slowest rotation, in steps.
    """

    def __init__(self, capacity: int, head: int, max_period: float, device: torch.device) -> None:
        self.capacity = capacity
        self._ahead = torch.arange(capacity, device=device)
        exponents = torch.arange(head // 2, device=device, dtype=torch.float32)
        self._frequencies = torch.exp(exponents * (-math.log(max_period) * 2 / head))

    def place(self, lengths: Tensor, time: int) -> Place:
        """The next `time` steps of slots that have made `lengths` steps."""
        positions = lengths[:, None] + self._ahead[:time]
        entry = (positions % self.capacity)[:, None, :, None]
        return Place(positions, entry, self.rotation(positions)[:, :, None])

    def rotation(self, positions: Tensor) -> Tensor:
        """Of step numbers, int64 [...]: complex [..., head / 2]."""
        angle = positions[..., None] * self._frequencies
        return torch.complex(angle.cos(), angle.sin())  # `polar` rounds differently than upstream's


def turn_and_write(projected: Tensor, ring: Ring, place: Place) -> Tensor:
    """Rotate queries and keys, and write keys and values into the ring.

    Args:
        projected: [slots, time, 3 * width].
    Returns:
        the queries, [slots, heads, time, head].
    """
    _, heads, _, head = ring.keys.shape
    split = projected.unflatten(-1, (3 * heads, head))
    turned = rotate(split[:, :, : 2 * heads], place.rotation)
    query: Tensor
    query, key = turned.transpose(1, 2).split(heads, dim=1)
    ring.write(place.entry, key, split[:, :, 2 * heads :].transpose(1, 2))
    return query


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair of neighbours in `x`, [slots, time, heads, head], by `rotation`, in float32 as upstream does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
