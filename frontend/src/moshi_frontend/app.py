"""Puts the service together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from moshi_frontend import static
from moshi_frontend.api import create_api
from moshi_frontend.discovery import Source, check_mode
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.headers import page_headers
from moshi_frontend.names import Names
from moshi_frontend.placement import Placement
from moshi_frontend.probes import Prober
from moshi_frontend.proxy import Proxy
from moshi_frontend.replicas import Replicas
from moshi_frontend.settings import Settings
from moshi_frontend.to_https import ToHttps
from moshi_frontend.trust import Trust
from moshi_service.framing import UnambiguousFraming
from moshi_service.headers import SecurityHeaders
from moshi_service.hosts import HostCheck, own_hosts


@dataclass(frozen=True)
class Service:
    """The app of a server, its answer to plain HTTP on a port for HTTPS, and the proxy that it drains before it
    stops."""

    app: ASGIApp
    plain: ASGIApp
    proxy: Proxy


def create_service(settings: Settings, sources: Sequence[Source], page: Path = static.BUILT) -> Service:
    """The page, the API and the proxy in one app.

    Args:
        sources: the replicas of moshi, or the names that lead to them.
        page: the folder with the built page.
    Raises:
        StartupError: the mode does not fit the sources.
    """
    check_mode(sources, settings.moshi_mode)
    endpoints = [source for source in sources if isinstance(source, Endpoint)]
    trust = Trust(settings.moshi_ca)
    replicas = Replicas(endpoints, stand_in=Endpoint(sources[0].url), poll_most=settings.poll_max)
    prober = Prober(trust, settings.authorization())
    names = Names(sources, replicas.update, settings.discovery_seconds)
    placement = Placement(replicas, prober.ask, prober.look, settings.tries)
    chain = settings.tls_cert if settings.tls == "files" else None
    hosts = own_hosts(settings.allowed_hosts, settings.tls_hosts, settings.allowed_origins, chain)
    proxy = Proxy(settings, placement, trust, hosts)
    background = (names.watch, partial(prober.watch, replicas))
    api = create_api(settings, replicas, proxy, background)
    direct = settings.moshi_mode == "direct"
    # A page that is not let through to the socket asks by a plain request whether moshi's certificate is accepted.
    reachable = [origin for endpoint in endpoints if direct for origin in endpoint.origins]

    def guarded(app: ASGIApp) -> ASGIApp:
        checked = HostCheck(app, hosts, "FRONTEND_ALLOWED_HOSTS")
        return SecurityHeaders(UnambiguousFraming(checked), page_headers(reachable, settings.embed_origins))

    return Service(guarded(static.with_page(api, page)), guarded(ToHttps(api)), proxy)
