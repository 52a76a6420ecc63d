"""Refusals of requests in the form of OpenAI's APIs, whose clients read the status and a JSON body."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moshi_backend.api.auth import Rejected
from moshi_service.protocol.openai.common import HttpError, HttpErrorBody

STATUSES = {
    "token": (401, "invalid_api_key"),
    "host": (403, "host_not_allowed"),
    "origin": (403, "origin_not_allowed"),
    "address": (429, "too_many_connections"),
    "full": (503, "server_full"),
    "draining": (503, "server_draining"),
}
"""Status and error code for the cause of a `Rejected`. Any other cause is a model that is not ready."""

RETRY_SECONDS = 5
"""`Retry-After` where the service does not know better."""


class HttpRefusal(Exception):
    """A request, or the upgrade to a WebSocket, is refused. `rejected`: why."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(str(rejected))
        self.rejected = rejected


def code_of(cause: str) -> str:
    """The error code for the cause of a refusal."""
    return STATUSES.get(cause, (503, "model_not_ready"))[1]


def response_to(rejected: Rejected) -> Response:
    """The answer to a request, or to an upgrade."""
    status, code = STATUSES.get(rejected.cause, (503, "model_not_ready"))
    error = HttpError(
        type="server_error" if status == 503 else "invalid_request_error", code=code, message=str(rejected)
    )
    headers = {}
    if (after := rejected.retry_after or (RETRY_SECONDS if status == 503 else None)) is not None:
        headers["Retry-After"] = str(after)
    return JSONResponse(HttpErrorBody(error=error).model_dump(), status, headers)


async def answer(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the app."""
    assert isinstance(refusal, HttpRefusal)
    return response_to(refusal.rejected)
