"""A WebSocket to `/api/chat`, the messages that come through it, and the reasons why there is none."""

import os
import re
import socket as sockets
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from moshi_service.errors import Problem
from moshi_service.protocol import events
from moshi_service.protocol.events import ServerEvent
from moshi_service.protocol.wire import Kind
from scenario6_client import errors
from scenario6_client.address import host_of

OPEN_SECONDS = 20.0
"""Longest wait for the upgrade."""
FAILURES = (OSError, InvalidHandshake, EOFError)
"""Exceptions of a connection that never was; `TimeoutError` is an `OSError`."""

_OTHER_NAMES = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


@dataclass(frozen=True)
class Handshake:
    """The conversation begins."""


@dataclass(frozen=True)
class Audio:
    """Pages of the model's Ogg/Opus stream."""

    ogg: bytes


@dataclass(frozen=True)
class Text:
    """A piece of the model's words."""

    piece: str


@dataclass(frozen=True)
class Told:
    """An event of `?protocol=2`; none if this version does not know it."""

    event: ServerEvent | None


@dataclass(frozen=True)
class Complaint:
    """An error message (kind 5)."""

    text: str


type Message = Handshake | Audio | Text | Told | Complaint


def dial(
    url: str,
    trust: ssl.SSLContext | None,
    patience: float = OPEN_SECONDS,
    *,
    headers: Mapping[str, str] | None = None,
    over: sockets.socket | None = None,
) -> connect:
    """A connection to enter with `async with`; nothing between it and the server, no limits on what is received.

    Args:
        patience: seconds until the upgrade.
        headers: further ones of the request.
        over: a socket that is connected already.
    """
    return connect(
        url,
        ssl=trust,
        proxy=None,
        compression=None,
        max_size=None,
        ping_interval=None,
        open_timeout=patience,
        close_timeout=2,
        additional_headers=headers,
        sock=over,
    )


def authorization(token: str | None) -> dict[str, str]:
    """The header for a service that asks for a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def read(message: bytes | str) -> Message | None:
    """The content of a message from the server; none for kinds that mean nothing to a client."""
    if not isinstance(message, bytes) or not message:
        return None
    payload = message[1:]
    match message[0]:
        case Kind.HANDSHAKE:
            return Handshake()
        case Kind.AUDIO:
            return Audio(payload)
        case Kind.TEXT:
            return Text(payload.decode(errors="replace"))
        case Kind.ERROR:
            return Complaint(payload.decode(errors="replace"))
        case Kind.METADATA:
            try:
                return Told(events.parse(payload))
            except ValueError:
                return Told(None)
        case _:
            return None


async def messages(socket: ClientConnection) -> AsyncIterator[Message]:
    """The messages of a connection until its end, however it ends."""
    try:
        async for message in socket:
            if (content := read(message)) is not None:
                yield content
    except ConnectionClosed:
        pass


def explain(error: BaseException, url: str) -> Problem:
    """Why there is no connection. `error` is one of `FAILURES`."""
    host = host_of(url)
    match error:
        case InvalidStatus(response=response):
            return errors.upgrade_refused(url, response.status_code)
        case InvalidMessage() | EOFError() if url.startswith("ws:"):
            return errors.no_conversation_there(url, "no answer in HTTP; if it serves HTTPS, write https://")
        case InvalidHandshake():
            return errors.no_conversation_there(url, str(error) or "no WebSocket")
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_NAMES:
            return errors.certificate_of_another(host)
        case ssl.SSLCertVerificationError(verify_message=why):
            return errors.certificate_not_trusted(host, why)
        case ssl.SSLError(reason=reason):
            why = (reason or "no answer").replace("_", " ").lower()
            return errors.no_conversation_there(url, f"TLS failed ({why}); if it serves plain HTTP, write http://")
        case TimeoutError():
            return errors.service_not_reached(host, "no answer in time")
        case EOFError():
            return errors.no_conversation_there(url, "it closed the connection")
        case _:
            return errors.service_not_reached(host, _words(error))


def _words(error: BaseException) -> str:
    """The system's words. An error of several addresses has them only in its text."""
    number = re.search(r"\[Errno (\d+)\]", str(error))
    if number is not None:
        return os.strerror(int(number[1])).lower()
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
