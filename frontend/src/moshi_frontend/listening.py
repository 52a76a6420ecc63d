"""What the service needs before it can serve: its port, file descriptors and its certificate."""

import os
import socket
import ssl
from datetime import UTC, datetime

from moshi_frontend.addresses import own_address
from moshi_frontend.errors import StartupError
from moshi_frontend.network.descriptors import raise_limit
from moshi_frontend.settings import Settings
from moshi_frontend.tls import Certificate, automatic_certificate, names_of_this_machine

RESERVED_DESCRIPTORS = 64
"""For the log, certificates, health checks of moshi, and telemetry."""

SPARE_CONNECTIONS = 32
"""Connections that there must be room for beside the conversations."""

MOST_CONNECTIONS = 2048
"""Connections that there is room for beside the conversations, if there are descriptors for them."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. `::` takes IPv4 too.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128, dualstack_ipv6=host == "::")
    except OSError as error:
        # The socket module puts the address into what the system says, for all but name look-ups.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartupError(
            f"cannot listen on {host} port {port}: {why}; "
            "stop what uses it (ss -ltnp shows it), or set FRONTEND_HOST or FRONTEND_PORT"
        ) from None


def places(conversations: int) -> int:
    """How many connections there is room for. A conversation needs a second descriptor, towards moshi.

    Raises:
        StartupError: fewer than the conversations need.
    """
    descriptors = raise_limit()
    left = descriptors - RESERVED_DESCRIPTORS - conversations
    if left < conversations + SPARE_CONNECTIONS:
        needed = RESERVED_DESCRIPTORS + 2 * conversations + SPARE_CONNECTIONS
        raise StartupError(
            f"FRONTEND_MAX_CONNECTIONS={conversations} needs {needed} open files and the limit is {descriptors}; "
            "raise it (ulimit -n), or lower the setting"
        )
    return min(left, conversations + MOST_CONNECTIONS)


def certificate(settings: Settings) -> Certificate | None:
    """The certificate to present; none when TLS is off.

    Raises:
        StartupError: the files do not fit together, the folder cannot be written, or a host name is none.
    """
    if settings.tls == "off":
        return None
    if settings.tls == "auto":
        folder = settings.state_dir / "tls"
        hosts = (*names_of_this_machine(), *own_address(settings.host), *settings.tls_hosts)
        try:
            return automatic_certificate(folder, hosts, datetime.now(UTC))
        except OSError as error:
            raise StartupError(
                f"cannot keep a certificate in {folder}: {error.strerror or error}; set FRONTEND_STATE_DIR"
            ) from None
        except ValueError as error:
            raise StartupError(
                f"FRONTEND_TLS_HOSTS={','.join(settings.tls_hosts)!r}: {error}; it takes names and addresses"
            ) from None
    assert settings.tls_cert is not None
    assert settings.tls_key is not None
    given = Certificate(settings.tls_cert, settings.tls_key, settings.tls_cert)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(given.chain, given.key)
    except OSError as error:
        raise StartupError(
            f"FRONTEND_TLS_CERT={given.chain} with FRONTEND_TLS_KEY={given.key}: {error.strerror or error}; "
            "both must be readable PEM files that belong together"
        ) from None
    return given
