"""Addresses of services, as people have them: of the page, of moshi, or of `/api/chat` itself."""

from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit, urlunsplit

from moshi_service.errors import InvalidValue
from scenario6_client import errors

PATH = "/api/chat"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def chat_url(text: str) -> str:
    """The WebSocket's address: `https://host/talk` and `wss://host/talk/api/chat` are the same service.

    Raises:
        InvalidValue: the text is no such address.
    """
    try:
        parts = urlsplit(text)
        scheme, _ = _SCHEMES[parts.scheme.lower()], parts.port
        (parts.hostname or "").encode("idna")  # fails for a..b, which no resolver takes
    except (KeyError, ValueError):
        raise InvalidValue(errors.address_invalid(text)) from None
    if not parts.hostname or parts.username is not None:
        raise InvalidValue(errors.address_invalid(text))
    path = parts.path.rstrip("/").removesuffix(PATH) + PATH
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def with_parameters(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The address with further query parameters."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(list(parameters))]))))


def host_of(url: str) -> str:
    """The host with its port, for messages."""
    return urlsplit(url).netloc
