"""The addresses of this machine by which other devices in its networks reach it."""

import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ifaddr

DOCKER = Path("/.dockerenv")
"""There in its containers. Podman and others set the variable `container`."""


@dataclass(frozen=True)
class InterfaceAddress:
    """An IP address, and the name of its network interface, e.g. `wlan0`."""

    address: str
    interface: str


def is_throwaway_container() -> bool:
    """Whether a container engine made up this machine's name for this start. Nobody calls it by name or address."""
    made_up = re.fullmatch("[0-9a-f]{12}", socket.gethostname())
    return made_up is not None and ("container" in os.environ or DOCKER.exists())


def lan_addresses() -> list[InterfaceAddress]:
    """The address towards other networks first, then those of all other interfaces.

    Of IPv6 only the address towards other networks counts: the others come and go, for privacy.
    """
    if is_throwaway_container():
        return []
    listed = [
        InterfaceAddress(str(ip.ip if ip.is_IPv4 else ip.ip[0]), str(adapter.nice_name))
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]
    main = list(_towards_others())
    mains = [one for address in main for one in listed if one.address == address]
    others = [one for one in listed if "." in one.address and one.address not in main and _is_reachable(one.address)]
    return [*mains, *others]


def _is_reachable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def _towards_others() -> Iterator[str]:
    """Nothing is sent: a datagram socket only looks up its way."""
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((anywhere, 9))
                yield str(probe.getsockname()[0])
        except OSError:
            pass  # no network of this kind
