"""A certificate that is renewed or replaced while the service runs is presented from the next connection on."""

import asyncio
import logging
import ssl
from collections.abc import Callable

from moshi_service.errors import ProblemError
from moshi_service.errors import start as errors
from moshi_service.tls import Certificate

log = logging.getLogger(__name__)

CHECK_SECONDS = 30.0


async def keep_current(context: ssl.SSLContext, find: Callable[[], Certificate | None]) -> None:
    """Until cancelled.

    Args:
        context: the server's.
        find: the certificate to present, made anew if it must be; asked from time to time.
    """
    presented: tuple[int, ...] | None = None
    said = ""
    try:
        presented = _stamp(await asyncio.to_thread(find))
    except Exception as error:  # then the first that is found is presented
        said = _complain(error, said)
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            certificate = await asyncio.to_thread(find)
            if certificate is None or (stamp := _stamp(certificate)) == presented:
                continue
            fingerprint = certificate.fingerprint()
            _present(context, certificate)
        except Exception as error:  # what is presented goes on being presented
            said = _complain(error, said)
            continue
        presented, said = stamp, ""
        log.info("certificate replaced: SHA-256 %s", fingerprint)


def _present(context: ssl.SSLContext, certificate: Certificate) -> None:
    """From the next connection of `context` on, which keeps its other options.

    The files go into a context of their own. In one that has a certificate already, OpenSSL would keep both if their
    keys are of different kinds, and would lose its key if the new files do not belong together.
    """
    fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    fresh.load_cert_chain(certificate.chain, certificate.key)

    def switch(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = fresh

    context.sni_callback = switch  # OpenSSL calls it for clients that name no host too


def _complain(error: Exception, said: str) -> str:
    """The same problem once, not at every check. Returns what was said last."""
    if str(error) != said:
        log.warning(errors.renewal_failed(error.problem if isinstance(error, ProblemError) else error))
    return str(error)


def _stamp(certificate: Certificate | None) -> tuple[int, ...]:
    files = (certificate.chain, certificate.key) if certificate else ()
    return tuple(value for file in files for value in (file.stat().st_mtime_ns, file.stat().st_size))
