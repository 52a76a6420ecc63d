"""Checks of a connection: its host, its origin, its token, and the number of connections of its address."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from moshi_backend.errors import conversations as errors
from moshi_service.errors import Problem, ProblemError
from moshi_service.errors import conversations as shared_errors
from moshi_service.hosts import wrong_host
from moshi_service.limiter import ConnectionLimiter
from moshi_service.origins import is_allowed_host, is_allowed_origin
from moshi_service.protocol.wire import CloseCode


def has_token(header: str | None, token: str | None) -> bool:
    """Whether the `Authorization` header carries the token. Always true without a token. The comparison takes constant
    time."""
    if token is None:
        return True
    return secrets.compare_digest((header or "").encode(), f"Bearer {token}".encode())


class Rejected(ProblemError):
    """No conversation can begin.

    Args:
        cause: one word, for the metric.
        code: of the close frame.
        problem: the reason, for the client.
        retry_after: seconds after which the client may try again; None where the service does not know.
    """

    def __init__(self, cause: str, code: CloseCode, problem: Problem, *, retry_after: int | None = None) -> None:
        super().__init__(problem)
        self.cause = cause
        self.code = code
        self.retry_after = retry_after


class Auth:
    """
    Args:
        hosts: public names of the service.
        origins: allowed beside the service's own.
        token: the secret that clients send as `Authorization: Bearer`; None if the service asks for none.
    """

    def __init__(
        self, hosts: frozenset[str], origins: tuple[str, ...], token: str | None, limiter: ConnectionLimiter
    ) -> None:
        self._hosts = hosts
        self._origins = origins
        self._token = token
        self._limiter = limiter

    @contextmanager
    def admit(self, connection: HTTPConnection, authorization: str | None = None) -> Iterator[None]:
        """Check the connection, and count it for its address as long as the context lasts.

        Args:
            authorization: takes the place of a missing `Authorization` header.

        Raises:
            Rejected: a check failed.
        """
        host, origin = connection.headers.get("host"), connection.headers.get("origin")
        if not is_allowed_host(host, self._hosts):
            raise Rejected("host", CloseCode.NOT_ALLOWED, wrong_host(host, "MOSHI_ALLOWED_HOSTS"))
        if not is_allowed_origin(origin, host, self._origins):
            problem = shared_errors.origin_not_allowed(origin, "MOSHI_ALLOWED_ORIGINS")
            raise Rejected("origin", CloseCode.NOT_ALLOWED, problem)
        if not self.knows(connection, authorization):
            raise Rejected("token", CloseCode.NO_TOKEN, errors.token_needed())
        address = connection.client.host if connection.client else ""
        if (refusal := self._limiter.enter(address)) is not None:
            raise Rejected("address", CloseCode.TRY_LATER, refusal.problem, retry_after=refusal.retry_after)
        try:
            yield
        finally:
            self._limiter.leave(address)

    def knows(self, connection: HTTPConnection, authorization: str | None = None) -> bool:
        """Whether the connection carries the token, if the service asks for one. `authorization`: see `admit`."""
        return has_token(connection.headers.get("authorization", authorization), self._token)
