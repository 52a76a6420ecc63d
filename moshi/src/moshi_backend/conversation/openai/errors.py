"""Errors of the Live and the Realtime API: their codes, and the codes for the service's reasons to end a session."""

from dataclasses import replace

from moshi_backend.conversation.outbox import End
from moshi_service.errors import Problem, ProblemError
from moshi_service.protocol.wire import CloseCode

END_CODES = {
    CloseCode.FINISHED: "session_expired",
    CloseCode.GOING_AWAY: "server_shutdown",
    CloseCode.ENGINE_FAILED: "engine_failed",
    CloseCode.TOO_SLOW: "client_too_slow",
    CloseCode.IDLE: "idle_timeout",
}
"""The `code` of the error that announces the end of a session by the service."""

OWN_FAULT = frozenset({CloseCode.GOING_AWAY, CloseCode.ENGINE_FAILED, CloseCode.TRY_LATER})
"""Ends that are the service's fault, not the client's."""


class ApiError(ProblemError):
    """A client's message cannot be served.

    Args:
        code: the API's word for it.
        problem: the reason, for the client.
        param: the path of the field that was wrong.
        event_id: the client's name for the message.
        close: ends the session with this close code; None if it goes on.
        retry_after: seconds after which the client may try again, where known.
    """

    def __init__(
        self,
        code: str,
        problem: Problem,
        *,
        param: str | None = None,
        event_id: str | None = None,
        close: CloseCode | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(problem)
        self.code = code
        self.param = param
        self.event_id = event_id
        self.close = close
        self.retry_after = retry_after

    @property
    def end(self) -> End | None:
        """The end that the error brings. Its text begins with the API's word."""
        if self.close is None:
            return None
        return End(self.close, replace(self.problem, text=f"{self.code}: {self.problem.text}"), self.retry_after)
