"""Which addresses count as one client."""

import ipaddress

IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a network. A single host usually has all addresses of its /64."""

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def group_of(address: str) -> str:
    """The client that an address belongs to: an IPv4 address alone, an IPv6 address with its whole /64.

    A dual-stack socket shows IPv4 addresses as `::ffff:192.0.2.1`; they count as IPv4. Anything that is not an IP
    address is a client of its own.
    """
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
    return address if parsed is None else str(parsed)


class Networks:
    """A list of addresses and networks, as `…_TRUSTED_PROXIES` has it. `*` stands for every address."""

    def __init__(self, listed: str) -> None:
        names = [name.strip() for name in listed.split(",") if name.strip()]
        self._all = "*" in names
        self._networks = [network for name in names if (network := _network(name)) is not None]

    def __contains__(self, address: str) -> bool:
        parsed = _parsed(address)
        return self._all or (parsed is not None and any(parsed in network for network in self._networks))


def _parsed(address: str) -> _Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
