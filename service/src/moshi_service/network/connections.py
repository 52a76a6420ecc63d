"""The open connections: how many there may be, of which client, and which one has to go for a new one."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from opentelemetry import metrics

from moshi_service.errors import Problem
from moshi_service.errors import conversations as errors
from moshi_service.network.addresses import Networks, group_of

log = logging.getLogger(__name__)

ADDRESS_SHARE = 4
"""One address may have a quarter of the places for connections that are no conversations."""

LOG_SECONDS = 60.0
"""The log says at most once in this time that the table is full."""


class Stage(Enum):
    IDLE = auto()
    """No request has arrived: the TLS handshake, half a head, or keep-alive. It may have to go for a new one."""
    REQUEST = auto()
    """A request is being answered."""
    CONVERSATION = auto()
    """A WebSocket."""


class Watched(Protocol):
    def overdue(self, now: float) -> str | None:
        """Why the connection has to end, if its peer took too long for something. `now`: the event loop's time."""


class Connection:
    """A place in the table."""

    def __init__(self, table: "Connections", group: str | None) -> None:
        self.group = group
        """The client that its place counts for; None for a trusted proxy."""
        self.stage = Stage.IDLE
        self.end: Callable[[], object] = lambda: None
        """Drops the connection at once."""
        self.protocol: Watched | None = None
        """None until the TLS handshake is complete."""
        self._table = table

    def enter(self, stage: Stage) -> None:
        self._table.move(self, stage)

    def leave(self) -> None:
        """Give the place back; again is harmless."""
        self._table.remove(self)


class Connections:
    """Args:
    places: connections at the same time.
    trusted: reverse proxies, whose connections are not one client's.
    dropped: counts the connections that the table drops, with the attribute `reason`.
    """

    def __init__(self, places: int, trusted: Networks, dropped: metrics.Counter) -> None:
        self.places = places
        self._dropped = dropped
        self._share = max(1, places // ADDRESS_SHARE)
        self._trusted = trusted
        self._open: set[Connection] = set()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        """Oldest first."""
        self._groups: Counter[str] = Counter()
        """Connections of each client that are no conversations."""
        self._full = False
        self._log_again = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, address: str, now: float) -> Connection | None:
        """A place; None if its client has too many, or all places are taken by requests and conversations."""
        group = None if address in self._trusted else group_of(address)
        if group is not None and self._groups[group] >= self._share:
            self._dropped.add(1, {"reason": "address"})
            return None
        if len(self._open) >= self.places:
            self.note_full(now, errors.connections_full(self.places))
            if not self.drop_idle():
                self._dropped.add(1, {"reason": "full"})
                return None
        connection = Connection(self, group)
        self._open.add(connection)
        self._idle[connection] = None
        if group is not None:
            self._groups[group] += 1
        return connection

    def drop_idle(self) -> bool:
        """End the connection that is idle longest; false if none is idle."""
        if not self._idle:
            return False
        oldest = next(iter(self._idle))
        self.remove(oldest)
        oldest.end()
        self._dropped.add(1, {"reason": "full"})
        return True

    def sweep(self, now: float) -> None:
        """Drop the connections whose peers took too long."""
        for connection in list(self._open):
            if connection.protocol and (reason := connection.protocol.overdue(now)):
                self._dropped.add(1, {"reason": reason})
                connection.end()
        if self._full and len(self._open) < self.places * 3 // 4:
            self._full = False
            log.info("there is room again: %d of %d connections are in use", len(self._open), self.places)

    def note_full(self, now: float, problem: Problem) -> None:
        if not self._full and now >= self._log_again:
            self._full = True
            self._log_again = now + LOG_SECONDS
            log.warning(problem)

    def move(self, connection: Connection, stage: Stage) -> None:
        if connection not in self._open or connection.stage is stage:
            return
        if stage is Stage.CONVERSATION:
            self._uncount(connection.group)
        connection.stage = stage
        if stage is Stage.IDLE:
            self._idle[connection] = None
        else:
            self._idle.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._idle.pop(connection, None)
        if connection.stage is not Stage.CONVERSATION:
            self._uncount(connection.group)

    def _uncount(self, group: str | None) -> None:
        if group is None:
            return
        self._groups[group] -= 1
        if self._groups[group] <= 0:
            del self._groups[group]
