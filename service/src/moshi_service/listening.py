"""The things that a service needs before it serves: its port, file descriptors and its certificate."""

import os
import socket
import ssl
from datetime import UTC, datetime

from cryptography import x509

from moshi_service.addresses import own_address
from moshi_service.errors import StartupError
from moshi_service.errors import start as errors
from moshi_service.network.descriptors import raise_limit
from moshi_service.settings import ServiceSettings
from moshi_service.tls import Certificate, UnusableFile, automatic_certificate, names_of_this_machine

MOST_CONNECTIONS = 2048
"""Connections that there is room for beside the expected ones, if there are descriptors for them."""


def listen(settings: ServiceSettings) -> socket.socket:
    """A bound socket, before anything slow begins. `::` takes IPv4 too.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    host, port, prefix = settings.host, settings.port, settings.prefix()
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128, dualstack_ipv6=host == "::")
    except OSError as error:
        # The socket module puts the address into the system's message, except for name look-ups.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartupError(errors.cannot_listen(host, port, why, prefix)) from None


def places(setting: str, expected: int, *, descriptors_each: int, spare: int, reserved: int) -> int:
    """The number of connections that there is room for.

    Args:
        setting: the environment variable with `expected`, for the error.
        expected: connections that there must be room for.
        descriptors_each: file descriptors that one of them needs.
        spare: connections that there must be room for beside them.
        reserved: descriptors for other things.

    Raises:
        StartupError: the limit of open files is too low.
    """
    descriptors = raise_limit()
    left = descriptors - reserved - (descriptors_each - 1) * expected
    if left < expected + spare:
        needed = reserved + descriptors_each * expected + spare
        raise StartupError(errors.too_few_open_files(setting, expected, needed, descriptors))
    return min(left, expected + MOST_CONNECTIONS)


def certificate(settings: ServiceSettings) -> Certificate | None:
    """The certificate of the service, made if there is none and the settings ask for one. None without TLS.

    Raises:
        StartupError: the files do not fit together, the folder cannot be written, or a host name is none.
    """
    match settings.tls:
        case "off":
            return None
        case "auto":
            return _automatic(settings)
        case "files":
            return _given(settings)


def authority_of(settings: ServiceSettings) -> x509.Certificate | None:
    """The authority of the automatic certificate. None without one, or if its file cannot be read."""
    if settings.tls != "auto":
        return None
    try:
        return x509.load_pem_x509_certificate((settings.state_dir / "tls" / "ca.pem").read_bytes())
    except (OSError, ValueError):
        return None


def _automatic(settings: ServiceSettings) -> Certificate:
    folder, prefix = settings.state_dir / "tls", settings.prefix()
    try:
        hosts = (*names_of_this_machine(), *own_address(settings.host), *settings.tls_hosts)
        return automatic_certificate(folder, hosts, datetime.now(UTC))
    except OSError as error:
        why = error.problem if isinstance(error, UnusableFile) else error.strerror or error
        raise StartupError(errors.certificate_folder_unusable(folder, why, prefix)) from None
    except ValueError as error:
        given = ",".join(settings.tls_hosts)
        raise StartupError(errors.certificate_hosts_invalid(prefix, given, error)) from None


def _given(settings: ServiceSettings) -> Certificate:
    assert settings.tls_cert is not None
    assert settings.tls_key is not None
    prefix = settings.prefix()
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        why = error.strerror or error
        raise StartupError(
            errors.certificate_files_unusable(prefix, settings.tls_cert, settings.tls_key, why)
        ) from None
    return Certificate(settings.tls_cert, settings.tls_key, settings.tls_cert)
