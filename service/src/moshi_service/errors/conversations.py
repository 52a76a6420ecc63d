"""Errors that either service tells a client."""

from moshi_service.errors import Row


@Row(
    cause="a request named the service by a public name that the service does not know. A page of another site may be "
    "trying [DNS rebinding](../how-to/operations.md#names)",
    remedy="if the name is yours, list it in `FRONTEND_ALLOWED_HOSTS` or `MOSHI_ALLOWED_HOSTS`",
)
def host_not_allowed(host: str, setting: str) -> str:
    return f"host {host!a} is not in {setting}"


@Row(cause="a page of another site tried to connect", remedy="list the origin if it is yours")
def origin_not_allowed(origin: str | None, setting: str) -> str:
    return f"origin {origin!a} is not in {setting}"


_address = Row(
    cause="the client reached a limit by address. Behind a proxy all clients may have one address",
    remedy="set `FRONTEND_TRUSTED_PROXIES`, then the limits in [operations.md](../how-to/operations.md)",
)


@_address
def address_too_fast(address: str) -> str:
    return f"too many connections from {address}"


@_address
def address_too_many(connections: int, address: str) -> str:
    return f"{connections} connections are open from {address} already"


@Row(
    cause="the client answered no pings for 20 s: its network was away, or its computer slept",
    remedy="connect again, as the page does by itself",
)
def pings_unanswered() -> str:
    return "the connection was silent for too long"


_room = Row(
    cause="in the log: somebody holds connections open, or the limit of open files is low. Conversations continue",
    remedy="look at `…connections.dropped` in the [metrics](metrics.md); raise `ulimit -Hn`; block the address in "
    "front of the service",
)


@_room
def connections_full(places: int) -> str:
    return f"all {places} connections are in use; new connections take the places of idle ones"


@_room
def cannot_accept(why: object) -> str:
    return f"cannot take connections: {why}; new connections take the places of idle ones"
