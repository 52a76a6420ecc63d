"""Finds out whether moshi's address speaks HTTPS where its URL says `http://`, or the other way round."""

import asyncio
import socket
import ssl

import httpx

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_frontend.trust import explain, root_of
from moshi_service.errors import Problem

ASK_SECONDS = 1.0
"""For each of these: the connection, its TLS, the answer in the other scheme."""

LONGEST_SECONDS = 4.0
"""For all of them, if the answer comes in small parts."""

_NOT_THE_SCHEME = (ssl.SSLCertVerificationError, ConnectionRefusedError, FileNotFoundError, socket.gaierror)
"""Errors that come before the scheme matters, or that show that it is right."""


async def explain_at(endpoint: Endpoint, error: BaseException) -> Problem:
    """As `explain`. Names the other scheme if the address answers in that one."""
    problem = explain(error)
    return problem if isinstance(root_of(error), _NOT_THE_SCHEME) else await other_scheme(endpoint) or problem


async def other_scheme(endpoint: Endpoint) -> Problem | None:
    """The problem if the address answers in the scheme that its URL does not have."""
    if not await _answers(endpoint.in_other_scheme):
        return None
    return errors.serves_http() if endpoint.is_tls else errors.serves_https()


async def _answers(endpoint: Endpoint) -> bool:
    """Sends no secret, so the certificate does not matter.

    httpx measures the time: it leaves a socket open if a task is cancelled during the TLS handshake.
    """
    try:
        async with (
            asyncio.timeout(LONGEST_SECONDS),
            httpx.AsyncClient(verify=False, trust_env=False, timeout=ASK_SECONDS) as client,
        ):
            answer = await client.get(endpoint.direct_url("/alive"))
    except (OSError, httpx.HTTPError):
        return False
    return answer.status_code != 400  # some servers answer 400 to plain HTTP on a port for TLS
