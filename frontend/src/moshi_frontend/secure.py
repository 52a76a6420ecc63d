"""Where this service can be reached over HTTPS, as far as it knows."""

from collections.abc import Sequence
from urllib.parse import urlsplit


def secure_origin(scheme: str, host: str, origins: Sequence[str]) -> str | None:
    """The HTTPS origin for a browser that came to `host`; none if this service is not known to serve HTTPS there.

    Args:
        scheme: of the request: `https` by the service's own TLS, or because a trusted proxy says so.
        host: the request's Host header, e.g. `talk.example:8080`.
        origins: those that browsers may connect from besides the service's own. An HTTPS one with the name in `host`
            is the operator's word that a proxy serves this page there.
    """
    if scheme == "https":
        return f"https://{host}" if host else None
    name = _name(f"//{host}")
    for origin in origins:
        if origin.lower().startswith("https://") and name and _name(origin) == name:
            return origin
    return None


def _name(url: str) -> str | None:
    """The host name in lower case, without port; none if there is none that can be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
