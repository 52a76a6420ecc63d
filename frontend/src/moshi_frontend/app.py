"""Puts the service together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from moshi_frontend import static
from moshi_frontend.api import create_api
from moshi_frontend.discovery import Endpoint
from moshi_frontend.headers import page_headers
from moshi_frontend.proxy import Proxy
from moshi_frontend.replicas import Replicas
from moshi_frontend.settings import Settings
from moshi_frontend.trust import Trust
from moshi_service.framing import UnambiguousFraming
from moshi_service.headers import SecurityHeaders
from moshi_service.hosts import HostCheck, own_hosts


@dataclass(frozen=True)
class Service:
    """The app of a server, and the proxy that it drains before it stops."""

    app: ASGIApp
    proxy: Proxy


def create_service(settings: Settings, endpoints: Sequence[Endpoint], page: Path = static.BUILT) -> Service:
    """The page, the API and the proxy in one app.

    Args:
        endpoints: the replicas of moshi.
        page: the folder with the built page.
    """
    trust = Trust(settings.moshi_ca)
    replicas = Replicas(tuple(endpoints), trust, settings.authorization())
    chain = settings.tls_cert if settings.tls == "files" else None
    hosts = own_hosts(settings.allowed_hosts, settings.tls_hosts, settings.allowed_origins, chain)
    proxy = Proxy(settings, replicas, trust, hosts)
    direct = settings.moshi_mode == "direct"
    # A page that is not let through to the socket asks by a plain request whether moshi's certificate is accepted.
    reachable = [origin for endpoint in endpoints if direct for origin in endpoint.origins]
    app = HostCheck(static.with_page(create_api(settings, replicas, proxy), page), hosts, "FRONTEND_ALLOWED_HOSTS")
    return Service(SecurityHeaders(UnambiguousFraming(app), page_headers(reachable)), proxy)
