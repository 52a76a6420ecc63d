"""The address that a service listens on, as others have to write it."""

import socket

_LOCALHOST = ("127.0.0.1", "0.0.0.0", "::")
"""Addresses that `localhost` reaches. Browsers count it as secure, and `0.0.0.0` not."""


def url_of(bound: socket.socket, scheme: str) -> str:
    """The URL under which a program on this machine reaches the socket."""
    host, port = bound.getsockname()[:2]
    return url_to("localhost" if host in _LOCALHOST else host, port, scheme)


def url_to(host: str, port: int, scheme: str) -> str:
    """The URL of a name or address."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def own_address(host: str) -> tuple[str, ...]:
    """The address behind a host setting, for the certificate. None for every interface, or if there is none."""
    try:
        address = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return ()  # the listener reports it
    return () if address in ("0.0.0.0", "::") else (address,)
