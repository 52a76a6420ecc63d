"""Who may connect: pages of known origins, holders of the token, and no address too often."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from moshi_backend.hosts import wrong_host
from moshi_backend.network.addresses import group_of
from moshi_backend.origins import is_allowed_host, is_allowed_origin
from moshi_backend.protocol.wire import Close

ADDRESSES = 10_000
"""How many addresses are remembered; the one that was quiet longest is forgotten first."""


def has_token(header: str | None, token: str | None) -> bool:
    """Whether the `Authorization` header carries the token, if one is asked for. Takes as long whatever is wrong."""
    if token is None:
        return True
    return secrets.compare_digest((header or "").encode(), f"Bearer {token}".encode())


class Rejected(Exception):
    """No conversation can begin; says why. `cause`: in one word, for the metric."""

    def __init__(self, cause: str, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.code = code


class Access:
    """Args:
    hosts: public names by which the service may be called.
    origins: allowed beside the service's own.
    token: to be sent as `Authorization: Bearer`; none if none is asked for.
    """

    def __init__(
        self, hosts: frozenset[str], origins: tuple[str, ...], token: str | None, doorkeeper: "Doorkeeper"
    ) -> None:
        self._hosts = hosts
        self._origins = origins
        self._token = token
        self._doorkeeper = doorkeeper

    @contextmanager
    def admit(self, connection: HTTPConnection) -> Iterator[None]:
        """For as long as the connection lasts.

        Raises:
            Rejected: before that.
        """
        host, origin = connection.headers.get("host"), connection.headers.get("origin")
        if not is_allowed_host(host, self._hosts):
            raise Rejected("host", Close.NOT_ALLOWED, wrong_host(host, "MOSHI_ALLOWED_HOSTS"))
        if not is_allowed_origin(origin, host, self._origins):
            raise Rejected("origin", Close.NOT_ALLOWED, f"origin {origin} is not in MOSHI_ALLOWED_ORIGINS")
        if not self.knows(connection):
            raise Rejected("token", Close.NO_TOKEN, "a token is needed: that of MOSHI_API_TOKEN")
        address = connection.client.host if connection.client else ""
        if (reason := self._doorkeeper.enter(address)) is not None:
            raise Rejected("address", Close.TRY_LATER, reason)
        try:
            yield
        finally:
            self._doorkeeper.leave(address)

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether it carries the token, if one is asked for."""
        return has_token(connection.headers.get("authorization"), self._token)


class Doorkeeper:
    """Counts what each address has open, and how often it comes. An IPv6 address counts with its whole /64.

    Args:
        connections: of one address at the same time; 0 for any number.
        per_minute: new connections of one address; 0 for any number. As many may come at once.
    """

    def __init__(self, connections: int, per_minute: int) -> None:
        self._connections = connections
        self._interval = 60 / per_minute if per_minute else 0.0
        self._burst = 60.0 - self._interval
        self._open: dict[str, int] = {}
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def enter(self, address: str, now: float | None = None) -> str | None:
        """Why not, or nothing; then `leave` has to follow."""
        address = group_of(address)
        now = time.monotonic() if now is None else now
        if self._connections and self._open.get(address, 0) >= self._connections:
            return f"{self._connections} connections are open from {address} already"
        if self._interval and (wait := self._wait(address, now)):
            return f"too many connections from {address}; Retry-After: {wait:.0f}"
        self._open[address] = self._open.get(address, 0) + 1
        return None

    def leave(self, address: str) -> None:
        address = group_of(address)
        if self._open[address] == 1:
            del self._open[address]
        else:
            self._open[address] -= 1

    def _wait(self, address: str, now: float) -> float:
        """Seconds until the address may come again; 0 counts this as one coming."""
        paid_until = max(self._paid_until.get(address, 0.0), now)
        if paid_until - now > self._burst:
            return max(1.0, paid_until - now - self._burst)
        self._paid_until[address] = paid_until + self._interval
        self._paid_until.move_to_end(address)
        if len(self._paid_until) > ADDRESSES:
            self._paid_until.popitem(last=False)
        return 0.0
