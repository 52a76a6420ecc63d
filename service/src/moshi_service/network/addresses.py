"""Which addresses count as one client."""

import ipaddress

from moshi_service.errors import InvalidValue
from moshi_service.errors import start as errors

IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a network. A single host usually has all addresses of its /64."""

NAME_CHARACTERS = 64
"""Of an address that is none: a proxy may pass on what a client wrote, as long as a header can be."""

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def group_of(address: str) -> str:
    """The client that an address belongs to: an IPv4 address alone, an IPv6 address with its whole /64.

    A dual-stack socket shows IPv4 addresses as `::ffff:192.0.2.1`; they count as IPv4. Anything that is not an IP
    address is a client of its own, known by its first `NAME_CHARACTERS`.
    """
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
    return address[:NAME_CHARACTERS] if parsed is None else str(parsed)


def plain(address: str) -> str:
    """The address without the form that a dual-stack socket gives IPv4: `192.0.2.1` for `::ffff:192.0.2.1`."""
    parsed = _parsed(address)
    return str(parsed) if isinstance(parsed, ipaddress.IPv4Address) else address


class Networks:
    """A list of addresses and networks, as `…_TRUSTED_PROXIES` has it. `*` stands for every address."""

    def __init__(self, listed: str) -> None:
        """
        Raises:
            InvalidValue: an entry is neither an address nor a network.
        """
        names = [name.strip() for name in listed.split(",") if name.strip()]
        self._all = "*" in names
        self._networks = [_network(name) for name in names if name != "*"]

    @property
    def for_uvicorn(self) -> list[str]:
        """The same list as `forwarded_allow_ips`, so that uvicorn trusts exactly these addresses. uvicorn does not know
        that `::ffff:192.0.2.1`, as a proxy may write it in a header, is `192.0.2.1`."""
        if self._all:
            return ["*"]
        mapped = [
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in self._networks
            if isinstance(network, ipaddress.IPv4Network)
        ]
        return [*map(str, self._networks), *mapped]

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


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        raise InvalidValue(errors.network_malformed(name)) from None
    mapped = network.network_address
    if isinstance(mapped, ipaddress.IPv6Address) and mapped.ipv4_mapped is not None and network.prefixlen >= 96:
        return ipaddress.IPv4Network((mapped.ipv4_mapped, network.prefixlen - 96))
    return network
