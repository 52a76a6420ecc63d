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
    presented = _stamp(await asyncio.to_thread(find))
    said = ""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            certificate = await asyncio.to_thread(find)
            if certificate is None or (stamp := _stamp(certificate)) == presented:
                continue
            context.load_cert_chain(certificate.chain, certificate.key)
        except Exception as error:  # what is presented goes on being presented
            if str(error) != said:  # the same problem once, not at every check
                log.warning(errors.renewal_failed(error.problem if isinstance(error, ProblemError) else error))
            said = str(error)
            continue
        presented, said = stamp, ""
        log.info("certificate replaced: SHA-256 %s", certificate.fingerprint())


def _stamp(certificate: Certificate | None) -> tuple[int, ...]:
    files = (certificate.chain, certificate.key) if certificate else ()
    return tuple(value for file in files for value in (file.stat().st_mtime_ns, file.stat().st_size))
