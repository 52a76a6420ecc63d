"""Limits the connections of each address."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from moshi_service.errors import Problem
from moshi_service.errors import conversations as errors
from moshi_service.network.addresses import group_of

ADDRESSES = 10_000
"""Addresses that are remembered. The address with the oldest connection is forgotten first."""


@dataclass(frozen=True)
class Refusal:
    """The reason why a connection is refused.

    Attributes:
        retry_after: seconds after which the address may connect again; none where nobody knows.
    """

    problem: Problem
    retry_after: int | None = None


class ConnectionLimiter:
    """Counts the open connections and the new connections of each address. An IPv6 address counts with its whole /64.

    Args:
        connections: of one address at the same time; 0 for any number.
        per_minute: new connections of one address; 0 for any number. An address may open as many at once.
    """

    def __init__(self, connections: int, per_minute: int) -> None:
        self._connections = connections
        self._interval = 60 / per_minute if per_minute else 0.0
        self._burst = 60.0 - self._interval
        self._open: dict[str, int] = {}
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def enter(self, address: str, now: float | None = None) -> Refusal | None:
        """Count a new connection. Returns none if it is allowed; `leave` must follow then."""
        address = group_of(address)
        now = time.monotonic() if now is None else now
        if self._connections and self._open.get(address, 0) >= self._connections:
            return Refusal(errors.address_too_many(self._connections, address))
        if self._interval and (wait := self._wait(address, now)):
            return Refusal(errors.address_too_fast(address), retry_after=round(wait))
        self._open[address] = self._open.get(address, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """Forget one open connection of the address."""
        address = group_of(address)
        if self._open[address] == 1:
            del self._open[address]
        else:
            self._open[address] -= 1

    def _wait(self, address: str, now: float) -> float:
        """Seconds until the address may connect again. If that is 0, this connection is counted."""
        paid_until = max(self._paid_until.get(address, 0.0), now)
        if paid_until - now > self._burst:
            return max(1.0, paid_until - now - self._burst)
        self._paid_until[address] = paid_until + self._interval
        self._paid_until.move_to_end(address)
        if len(self._paid_until) > ADDRESSES:
            self._paid_until.popitem(last=False)
        return 0.0
