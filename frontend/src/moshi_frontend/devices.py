"""The addresses at which other devices, e.g. a phone, find the page over HTTPS."""

import ipaddress

from moshi_frontend.settings import Settings
from moshi_service.addresses import own_address, url_to
from moshi_service.hosts import names_in
from moshi_service.interfaces import InterfaceAddress, lan_addresses


def addresses(settings: Settings) -> list[InterfaceAddress]:
    """Those that the service listens on and that another device may reach. None over plain HTTP, where browsers give no
    microphone."""
    if settings.tls == "off":
        return []
    listens_on = own_address(settings.host)
    listed = lan_addresses()
    if listens_on:
        return [one for one in listed if one.address in listens_on]
    return [one for one in listed if settings.host == "::" or ":" not in one.address]


def origins(settings: Settings, port: int) -> list[str]:
    """E.g. `https://192.168.0.10:8080`, the best first. With the operator's own certificate, its names and addresses
    alone: a browser warns of all others."""
    found = [one.address for one in addresses(settings)]
    if found and settings.tls == "files" and settings.tls_cert:
        found = [host for host in names_in(settings.tls_cert) if host in found or _is_name(host)]
    return [url_to(host, port, "https") for host in found]


def _is_name(host: str) -> bool:
    """Whether it is a name that another device may find. An address is none."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "*" not in host and host != "localhost"
    return False


def is_this_machine(client: str | None) -> bool:
    """Whether a request comes from a browser on this machine. Others are not told its addresses."""
    try:
        return client is not None and ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
