"""Where moshi is. The frontend never starts it; whoever starts both says so in the environment."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from moshi_service.errors import StartupError

# Strict, because what it lets through ends up in a header.
_URL = re.compile(r"https?://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]+))?(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True)
class Endpoint:
    """One replica of moshi. `url` is http or https, without a slash at its end."""

    url: str

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def in_other_scheme(self) -> str:
        """`url` with http instead of https, or the other way round."""
        scheme, _, rest = self.url.partition("://")
        return f"{'http' if scheme == 'https' else 'https'}://{rest}"

    @property
    def chat_url(self) -> str:
        return self.socket_url("/api/chat")

    def socket_url(self, path: str) -> str:
        """The URL of a WebSocket at `path`."""
        return f"ws{self.url.removeprefix('http')}{path}"

    @property
    def origins(self) -> tuple[str, str]:
        """For WebSockets, and for plain requests."""
        parts = urlsplit(self.url)
        return f"ws{parts.scheme.removeprefix('http')}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}"


def find_moshi(environment: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Every replica of moshi, at least one.

    `MOSHI_URL` (one URL, or several with commas between) wins. Otherwise the names that Aspire gives a
    reference to `scenario6-moshi`: the short one, which knows one replica, and the numbered ones; HTTPS
    before HTTP.

    Raises:
        StartupError: nothing says where moshi is, or a variable that does is not a URL.
    """
    if named := environment.get("MOSHI_URL", "").strip():
        return _endpoints(("MOSHI_URL", part.strip()) for part in named.split(","))
    for scheme in ("https", "http"):
        names = [f"SCENARIO6_MOSHI_{scheme.upper()}"]
        while environment.get(numbered := f"services__scenario6-moshi__{scheme}__{len(names) - 1}"):
            names.append(numbered)
        if found := [(name, environment[name]) for name in names if environment.get(name)]:
            return _endpoints(found)
    raise StartupError(
        "nothing says where moshi is; set MOSHI_URL, e.g. MOSHI_URL=https://localhost:8998 "
        "(Aspire sets services__scenario6-moshi__https__0 instead)"
    )


def _endpoints(found: Iterable[tuple[str, str]]) -> tuple[Endpoint, ...]:
    """Without repetitions: Aspire names its first replica twice."""
    return tuple(dict.fromkeys(_endpoint(name, value) for name, value in found))


def _endpoint(name: str, value: str) -> Endpoint:
    if "@" in value:
        raise StartupError(f"{name} must not contain a user name or password")
    matched = _URL.fullmatch(value)
    if not matched or not 0 < int(matched["port"] or 1) < 65536 or not _is_possible(matched["host"]):
        raise StartupError(f"{name}={value!r} is not a URL such as https://localhost:8998")
    return Endpoint(value.rstrip("/"))


def _is_possible(host: str) -> bool:
    """Whether an address in brackets is one; a name may be anything."""
    try:
        return not host.startswith("[") or bool(ipaddress.IPv6Address(host[1:-1]))
    except ValueError:
        return False
