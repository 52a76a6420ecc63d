"""What the service needs before anything slow begins: its port, file descriptors and certificate. No PyTorch here."""

import os
import socket
import ssl
from datetime import UTC, datetime

from moshi_backend.addresses import own_address
from moshi_backend.errors import StartupError
from moshi_backend.network.descriptors import raise_limit
from moshi_backend.settings import Settings
from moshi_backend.tls import Certificate, automatic_certificate, names_of_this_machine

RESERVED_DESCRIPTORS = 96
"""For the log, the model's files, downloads, the GPU, and telemetry."""

SPARE_CONNECTIONS = 64
"""Connections that there must be room for beside the clients who wait."""

MOST_CONNECTIONS = 2048
"""Connections that there is room for beside the clients who wait, if there are descriptors for them."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, before anything slow begins.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128, dualstack_ipv6=host == "::")
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartupError(
            f"cannot listen on {host} port {port}: {why}; "
            "stop what uses it (ss -ltnp shows it), or set MOSHI_HOST or MOSHI_PORT"
        ) from None


def places(queue: int) -> int:
    """How many connections there is room for.

    Args:
        queue: clients who may wait.

    Raises:
        StartupError: too few.
    """
    descriptors = raise_limit()
    left = descriptors - RESERVED_DESCRIPTORS
    if left < queue + SPARE_CONNECTIONS:
        needed = RESERVED_DESCRIPTORS + queue + SPARE_CONNECTIONS
        raise StartupError(
            f"MOSHI_QUEUE={queue} needs {needed} open files and the limit is {descriptors}; "
            "raise it (ulimit -n), or lower the setting"
        )
    return min(left, queue + MOST_CONNECTIONS)


def certificate(settings: Settings) -> Certificate | None:
    """The certificate to present; none when TLS is off.

    Raises:
        StartupError: the files are missing or do not fit together, or the folder cannot be written.
    """
    match settings.tls:
        case "off":
            return None
        case "auto":
            folder = settings.state_dir / "tls"
            try:
                hosts = (*names_of_this_machine(), *own_address(settings.host), *settings.tls_hosts)
                return automatic_certificate(folder, hosts, datetime.now(UTC))
            except OSError as error:
                why = error.strerror or error
                raise StartupError(f"cannot keep a certificate in {folder}: {why}; set MOSHI_STATE_DIR") from None
            except ValueError as error:
                given = ",".join(settings.tls_hosts)
                raise StartupError(f"MOSHI_TLS_HOSTS={given!r}: {error}; it takes names and addresses") from None
        case "files":
            assert settings.tls_cert and settings.tls_key
            try:
                for file in (settings.tls_cert, settings.tls_key):
                    if not file.is_file():  # to open a pipe would wait forever
                        raise OSError(f"{file} is not an ordinary file")
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
            except (OSError, ssl.SSLError) as error:
                raise StartupError(
                    f"MOSHI_TLS_CERT={settings.tls_cert} with MOSHI_TLS_KEY={settings.tls_key}: {error}; "
                    "both must be readable PEM files that belong together"
                ) from None
            return Certificate(settings.tls_cert, settings.tls_key, settings.tls_cert)
