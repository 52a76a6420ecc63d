"""Which certificates of moshi's are believed, and what to say when it cannot be reached."""

import os
import ssl
from pathlib import Path

from websockets.exceptions import InvalidHandshake, InvalidStatus

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


def explain(error: BaseException) -> str:
    """A few words on why a connection to moshi failed, short enough for a close reason."""
    match root_of(error):
        case ssl.SSLCertVerificationError(verify_code=code) if code in (OTHER_NAME, OTHER_ADDRESS):
            return "its certificate has another name; see MOSHI_TLS_HOSTS"
        case ssl.SSLCertVerificationError() as untrusted:
            return f"its certificate is not trusted ({untrusted.verify_message}); set FRONTEND_MOSHI_CA"
        case ssl.SSLError() as failed:
            return f"TLS failed ({failed.reason.replace('_', ' ').lower()})"
        case FileNotFoundError() | PermissionError() | IsADirectoryError() as unreadable:
            return f"cannot read FRONTEND_MOSHI_CA ({unreadable.strerror})"
        case TimeoutError():
            return "no answer in time"
        case InvalidStatus() as refused:
            return f"it answers {refused.response.status_code}, so it is not moshi"
        case InvalidHandshake():
            return "it does not speak WebSocket, so it is not moshi"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number).lower()
        case OSError() as other:
            # A failed name lookup has a text, but a number of its own; several failed addresses have neither.
            return (other.strerror or "connection failed").lower()
        case other:
            return f"unexpected answer ({type(other).__name__})"


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
