"""By which names the service may be called, and the refusal of HTTP requests that use another one."""

from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from moshi_service.errors import Problem
from moshi_service.errors import conversations as errors
from moshi_service.origins import host_of_origin, is_allowed_host, parse_host_pattern


def own_hosts(
    listed: Iterable[str], certificate_hosts: Iterable[str], origins: Iterable[str], chain: Path | None
) -> frozenset[str]:
    """Every public name that the settings give the service.

    Args:
        listed: the setting for this purpose.
        certificate_hosts: names and addresses for the automatic certificate.
        origins: allowed origins; a reverse proxy has one of these and passes its name on.
        chain: the operator's own certificate, whose names count too. An unreadable file has none; the listener
            reports it.
    """
    names = {*listed, *(host_of_origin(origin) for origin in origins)}
    for name in (*certificate_hosts, *(names_in(chain) if chain else ())):
        try:
            names.add(parse_host_pattern(name))
        except ValueError:
            continue  # an IPv6 address without brackets, which needs no entry
    return frozenset(names)


def names_in(chain: Path) -> list[str]:
    """The DNS names of a certificate, then its IP addresses. An unreadable file has none."""
    try:
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []


class HostCheck:
    """ASGI middleware: answers 421 to an HTTP request with a `Host` that is not the service's.

    WebSockets pass, because a browser cannot read the answer to a failed upgrade: their handler refuses them.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], setting: str) -> None:
        self._app = app
        self._hosts = hosts
        self._setting = setting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 421 if its host is not allowed. WebSocket routes check theirs."""
        if scope["type"] == "http" and not is_allowed_host(host := Headers(scope=scope).get("host"), self._hosts):
            detail = wrong_host(host, self._setting).text
            await JSONResponse({"detail": detail}, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def wrong_host(host: str | None, setting: str) -> Problem:
    """Tells a client why its `Host` is refused, and the operator what to do."""
    return errors.host_not_allowed((host or "")[:60], setting)
