"""The address of moshi, which the environment names. The frontend never starts moshi."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from moshi_frontend.endpoint import PORTS, Endpoint
from moshi_frontend.errors import start as errors
from moshi_service.errors import StartupError

# Strict, because what it lets through ends up in a header.
_URL = re.compile(
    r"((?P<kind>dns|srv)\+)?(?P<scheme>https?)://(?P<service>_[A-Za-z0-9-]+\._tcp\.)?"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]+))?(?P<path>/[A-Za-z0-9._~/-]*)?"
)


@dataclass(frozen=True)
class Name:
    """A name in DNS that stands for all replicas.

    Attributes:
        text: as the operator wrote it.
        record: `A` (with AAAA): every address of `query` is a replica, on `port`. `SRV`: the records of `query` name
            hosts and ports.
        query: the name to look up.
        url: the replicas' URL. Its host is the name in their certificate.
    """

    text: str
    record: Literal["A", "SRV"]
    query: str
    port: int
    url: str

    def __str__(self) -> str:
        return self.text


type Source = Endpoint | Name


def find_moshi(environment: Mapping[str, str]) -> tuple[Source, ...]:
    """Every replica of moshi, or the names that lead to them; at least one.

    `MOSHI_URL` (one URL, or several with commas between) wins. Otherwise the names that Aspire gives a
    reference to `scenario6-moshi`: the short one, which knows one replica, and the numbered ones; HTTPS
    before HTTP.

    Raises:
        StartupError: nothing says where moshi is, or a variable that does is not a URL.
    """
    if named := environment.get("MOSHI_URL", "").strip():
        return _sources(("MOSHI_URL", part.strip()) for part in named.split(","))
    for scheme in ("https", "http"):
        names = [f"SCENARIO6_MOSHI_{scheme.upper()}"]
        while environment.get(numbered := f"services__scenario6-moshi__{scheme}__{len(names) - 1}"):
            names.append(numbered)
        if found := [(name, environment[name]) for name in names if environment.get(name)]:
            return _sources(found)
    raise StartupError(errors.moshi_unknown())


def check_mode(sources: Iterable[Source], mode: Literal["proxy", "direct"]) -> None:
    """
    Raises:
        StartupError: browsers would have to look up and choose replicas by themselves.
    """
    for source in sources:
        if mode == "direct" and isinstance(source, Name):
            raise StartupError(errors.direct_with_name(source))


def _sources(found: Iterable[tuple[str, str]]) -> tuple[Source, ...]:
    """Without repetitions: Aspire names its first replica twice."""
    return tuple(dict.fromkeys(_source(name, value) for name, value in found))


def _source(name: str, value: str) -> Source:
    if "@" in value:
        raise StartupError(errors.moshi_url_with_password(name))
    matched = _URL.fullmatch(value)
    if not matched or not 0 < int(matched["port"] or 1) < 65536 or not _is_possible(matched["host"]):
        raise StartupError(errors.moshi_url_malformed(name, value))
    kind, scheme, host, port = matched["kind"], matched["scheme"], matched["host"], matched["port"]
    path = (matched["path"] or "").rstrip("/")
    if kind == "srv":
        if not matched["service"] or port:
            raise StartupError(errors.moshi_srv_malformed(name, value))
        return Name(value, "SRV", matched["service"] + host, 0, f"{scheme}://{host}{path}")
    if matched["service"]:
        raise StartupError(errors.moshi_url_malformed(name, value))
    url = f"{scheme}://{host}{f':{port}' if port else ''}{path}"
    return Name(value, "A", host.strip("[]"), int(port or PORTS[scheme]), url) if kind else Endpoint(url)


def _is_possible(host: str) -> bool:
    """Whether an address in brackets is one, and each part of a name has 1 to 63 characters."""
    try:
        return bool(ipaddress.IPv6Address(host[1:-1]) if host.startswith("[") else host.encode("idna"))
    except ValueError:
        return False
