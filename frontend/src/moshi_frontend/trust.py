"""Which certificates of moshi's are believed, and what to say when it cannot be reached."""

import os
import ssl
from pathlib import Path

from websockets.exceptions import InvalidHandshake, InvalidStatus

from moshi_frontend.errors import moshi as errors
from moshi_service.errors import Problem

OTHER_NAME, OTHER_ADDRESS = 62, 64
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class Trust:
    """Makes TLS contexts for connections to moshi.

    moshi may make or renew its authority after this service started: the file is read again when it changes.
    """

    def __init__(self, authority: Path | None) -> None:
        self._authority = authority
        self._read: tuple[int, int] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Raises:
        OSError: the authority's file cannot be read, or is not PEM.
        """
        stamp = None
        if self._authority is not None:
            status = self._authority.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        if self._context is None or stamp != self._read:
            self._context = ssl.create_default_context(cafile=self._authority)
            self._read = stamp
        return self._context


def explain(error: BaseException) -> Problem:
    """Why a connection to moshi failed. The text is short enough for a close reason."""
    match root_of(error):
        case ssl.SSLCertVerificationError(verify_code=code) if code in (OTHER_NAME, OTHER_ADDRESS):
            return errors.certificate_name()
        case ssl.SSLCertVerificationError() as untrusted:
            return errors.certificate_untrusted(untrusted.verify_message)
        case ssl.SSLError() as failed:
            return errors.tls_failed(failed.reason.replace("_", " ").lower())
        case FileNotFoundError() | PermissionError() | IsADirectoryError() as unreadable:
            return errors.authority_unreadable(unreadable.strerror)
        case TimeoutError():
            return errors.no_answer()
        case InvalidStatus() as refused:
            return errors.not_moshi_status(refused.response.status_code)
        case InvalidHandshake():
            return errors.not_moshi_websocket()
        case OSError(errno=int(number)) if number > 0:
            return errors.connection_failed(os.strerror(number).lower())
        case OSError() as other:
            # A failed name lookup has a text, but a number of its own; several failed addresses have neither.
            return errors.connection_failed((other.strerror or "connection failed").lower())
        case other:
            return errors.unexpected_answer(type(other).__name__)


def root_of(error: BaseException) -> BaseException:
    """The error that the libraries in between have wrapped."""
    while not isinstance(error, TimeoutError | ssl.SSLError | InvalidHandshake):
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif inner := error.__cause__ or error.__context__:
            error = inner
        else:
            break
    return error
