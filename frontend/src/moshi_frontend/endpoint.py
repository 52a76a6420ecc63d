"""The address of one replica of moshi."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
"""Of a URL without a port."""


@dataclass(frozen=True)
class Endpoint:
    """
    Attributes:
        url: http or https, without a slash at its end. Its host is the name that the certificate must have.
        address: IP address and port to connect to, if DNS said so. None: those of `url`.
    """

    url: str
    address: tuple[str, int] | None = None

    def __str__(self) -> str:
        """For people."""
        return self.url if self.address is None else f"{self.url} ({_at(self.address)})"

    @property
    def is_tls(self) -> bool:
        """Whether moshi serves https."""
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        """The name, as a certificate has it."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Of the URL."""
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    @property
    def authority(self) -> str:
        """The `Host` of requests: name and port."""
        return urlsplit(self.url).netloc

    @property
    def in_other_scheme(self) -> "Endpoint":
        """With http instead of https, or the other way round."""
        scheme, _, rest = self.url.partition("://")
        return replace(self, url=f"{'http' if scheme == 'https' else 'https'}://{rest}")

    @property
    def chat_url(self) -> str:
        """The WebSocket for conversations."""
        return self.socket_url("/api/chat")

    def socket_url(self, path: str) -> str:
        """The URL of a WebSocket at `path`."""
        return f"ws{self.url.removeprefix('http')}{path}"

    @property
    def origins(self) -> tuple[str, str]:
        """For WebSockets, and for plain requests."""
        parts = urlsplit(self.url)
        return f"ws{parts.scheme.removeprefix('http')}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}"

    def direct_url(self, path: str) -> str:
        """The URL of `path` with the IP address in place of the name, for a client that is told the name apart."""
        if self.address is None:
            return f"{self.url}{path}"
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{_at(self.address)}{parts.path}{path}"


def _at(address: tuple[str, int]) -> str:
    host, port = address
    return f"{f'[{host}]' if ':' in host else host}:{port}"
