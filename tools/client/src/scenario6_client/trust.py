"""Which certificates a client believes."""

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from platformdirs import user_state_path

from moshi_service.errors import ProblemError
from scenario6_client import errors

AUTHORITY = Path("tls/ca.pem")
"""In the state folder of a service."""


class BadAuthority(ProblemError):
    """The file of an authority cannot be used."""


def own_authorities(environment: Mapping[str, str] = os.environ, checkout: Path = Path(".state")) -> Iterator[Path]:
    """The authorities that services of this user made on this machine: of `make run` here, and of other starts."""
    named = [Path(value) for name in ("MOSHI_STATE_DIR", "FRONTEND_STATE_DIR") if (value := environment.get(name))]
    for folder in dict.fromkeys([*named, checkout, user_state_path("scenario6")]):
        file = folder / AUTHORITY
        # A folder of somebody else, in which this command happens to run, may not name an authority.
        if file.is_file() and (not hasattr(os, "getuid") or file.stat().st_uid == os.getuid()):
            yield file


def trust(url: str, authority: Path | None = None, *, insecure: bool = False) -> ssl.SSLContext | None:
    """The context that verifies a service's certificate; none for plain HTTP.

    Args:
        url: of the WebSocket.
        authority: the only authority that is believed. Without it: those of the system and `own_authorities`.
        insecure: believe everything.
    Raises:
        BadAuthority: the file cannot be used.
    """
    if not url.startswith("wss:"):
        return None
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    if authority is not None:
        try:
            return ssl.create_default_context(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            why = "it is no PEM file" if isinstance(error, ssl.SSLError) else error.strerror
            raise BadAuthority(errors.authority_file_unusable(authority, why)) from None
    context = ssl.create_default_context()
    for file in own_authorities():
        try:
            context.load_verify_locations(file)
        except OSError:
            continue  # a service that starts is writing it, or it is broken: the certificate is then not trusted
    return context
