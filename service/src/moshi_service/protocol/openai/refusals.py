"""Refusals of requests in the form of OpenAI's APIs, whose clients read the status and a JSON body."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moshi_service.errors import Problem, ProblemError
from moshi_service.protocol.openai.common import ErrorType, HttpError, HttpErrorBody

STATUSES = {
    "token": (401, "invalid_api_key"),
    "host": (403, "host_not_allowed"),
    "origin": (403, "origin_not_allowed"),
    "off": (404, "api_off"),
    "address": (429, "too_many_connections"),
    "full": (503, "server_full"),
    "draining": (503, "server_draining"),
}
"""Status and error code by the cause of a refusal. Any other cause is a model that is not ready."""

RETRY_SECONDS = 5
"""`Retry-After` of a 503 where the service does not know better."""


def code_of(cause: str) -> str:
    """The error code for the cause of a refusal."""
    return STATUSES.get(cause, (503, "model_not_ready"))[1]


class HttpRefusal(ProblemError):
    """A request, or the upgrade to a WebSocket, is refused.

    Args:
        cause: one word; `STATUSES` has those with a status of their own.
        problem: the reason, for the client.
        retry_after: seconds after which the client may try again, where known.
    """

    def __init__(self, cause: str, problem: Problem, retry_after: int | None = None) -> None:
        super().__init__(problem)
        self.cause = cause
        self.retry_after = retry_after

    def response(self) -> Response:
        """The answer."""
        return refusal(self.cause, self.problem.text, self.retry_after)


def refusal(cause: str, reason: str, retry_after: int | None = None) -> Response:
    """The answer to a request that is refused. The arguments are those of `HttpRefusal`, with the reason in words."""
    status, code = STATUSES.get(cause, (503, "model_not_ready"))
    kind: ErrorType = "server_error" if status == 503 else "invalid_request_error"
    body = HttpErrorBody(error=HttpError(type=kind, code=code, message=reason))
    after = retry_after or (RETRY_SECONDS if status == 503 else None)
    return JSONResponse(body.model_dump(), status, {} if after is None else {"Retry-After": str(after)})


async def answer(_request: Request, error: Exception) -> Response:
    """The exception handler of an app."""
    assert isinstance(error, HttpRefusal)
    return error.response()
