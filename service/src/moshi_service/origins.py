"""Web origins and host names: one spelling for comparisons, and which of them may use this service."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from moshi_service.errors import InvalidValue
from moshi_service.errors import start as errors

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

_LONGEST = 300
"""Characters of a host with its port. A name has 253 at most, and Python's IDNA needs seconds for 60,000."""

PRIVATE_DOMAINS = ("localhost", "local", "internal", "home.arpa", "test", "svc")
"""Domains that the public DNS does not have (RFC 6761, 6762, 8375; ICANN's `internal`; Kubernetes' `svc`)."""


def parse_origin(text: str) -> str:
    """The origin as browsers send it: lower case, ASCII, without the scheme's own port.

    Raises:
        InvalidValue: the text is not an origin, so that no browser can ever send it. Says why.
    """
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _PORTS:
        raise InvalidValue(errors.origin_without_scheme(text))
    if "*" in rest:
        raise InvalidValue(errors.origin_wildcard(text))
    authority = rest.removesuffix("/")
    if re.search(r"[/?#@\\]", authority):
        raise InvalidValue(errors.origin_with_path(text))
    host, port = _host_and_port(authority)
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def parse_host(text: str) -> str:
    """The host of a `Host` header, or a host name by itself: lower case, ASCII, without its port.

    Raises:
        InvalidValue: the text is neither a name nor an address.
    """
    return _host_and_port(text.strip())[0]


def is_allowed_origin(origin: str | None, host: str | None, allowed: Iterable[str]) -> bool:
    """Whether a page of this origin may connect. Programs send no origin.

    Args:
        host: the `Host` header. A page of the service's own has the same host and port.
        allowed: further origins, as `parse_origin` spells them.
    """
    if origin is None:
        return True
    try:
        asked = parse_origin(origin)
    except ValueError:
        return False
    if asked in allowed:
        return True
    try:
        return asked in {parse_origin(f"{scheme}://{host}") for scheme in _PORTS} if host else False
    except ValueError:
        return False


def is_allowed_host(host: str | None, allowed: Iterable[str]) -> bool:
    """Whether a request may name the service by this `Host` header.

    A page of any site can let its own name point to this machine (DNS rebinding); the browser then takes this service
    for that site. An address, a name without a dot and a name in a private domain cannot be rebound like this.

    Args:
        allowed: public names, as `parse_host` spells them. `*.talk.example` stands for one more label, as in
            certificates; `*` for every name.
    """
    if host is None:  # no browser
        return True
    try:
        name = parse_host(host)
    except ValueError:
        return False
    if name.startswith("[") or _is_ipv4(name) or "." not in name:
        return True
    if any(name.endswith(f".{domain}") for domain in PRIVATE_DOMAINS):
        return True
    return bool({name, f"*.{name.partition('.')[2]}", "*"} & set(allowed))


def host_of_origin(origin: str) -> str:
    """The host of an origin that `parse_origin` has spelled."""
    return parse_host(origin.partition("://")[2])


def parse_host_pattern(text: str) -> str:
    """One entry of a list of allowed hosts: a name, `*.` and a name, or `*`.

    Raises:
        InvalidValue: it can never match a host. Says why.
    """
    text = text.strip()
    if text == "*":
        return text
    if "/" in text:
        raise InvalidValue(errors.host_with_path(text))
    prefix, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    host, port = _host_and_port(name)
    if port is not None:
        raise InvalidValue(errors.host_with_port(text))
    return prefix + host


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if len(authority) > _LONGEST:
        raise InvalidValue(errors.host_too_long(authority[:60]))
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        raise InvalidValue(errors.port_impossible(authority)) from None
    host = (parts.hostname or "").removesuffix(".")
    if parts.netloc != authority or "@" in authority or authority.endswith(":"):
        raise InvalidValue(errors.host_malformed(authority))
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]", port
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise InvalidValue(errors.host_malformed(authority))
    return name, port


def _is_ipv4(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
