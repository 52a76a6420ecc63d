"""The answers to a frontend that tries several moshis (`moshi_service.protocol.upgrade`)."""

from fastapi import Response, WebSocket

from moshi_backend.api.auth import Rejected
from moshi_backend.conversation.manager import SessionManager
from moshi_service.protocol.upgrade import LOAD_HEADER, STATUS, Denial


def load_header(manager: SessionManager) -> list[tuple[bytes, bytes]]:
    """The header that tells the frontend how many conversations there are now."""
    return [(LOAD_HEADER.lower().encode(), str(manager.load).encode())]


async def deny(socket: WebSocket, rejected: Rejected, manager: SessionManager) -> None:
    """Refuse the upgrade itself, so that the frontend may try another moshi."""
    denial = Denial(
        cause=rejected.cause,
        code=rejected.code.value,
        reason=rejected.problem.text,
        retry_after=rejected.retry_after,
        error=rejected.problem.code,
    )
    headers = {LOAD_HEADER: str(manager.load)}
    if rejected.retry_after is not None:
        headers["Retry-After"] = str(rejected.retry_after)
    response = Response(denial.model_dump_json(), STATUS.get(rejected.cause, 503), headers, "application/json")
    await socket.send_denial_response(response)
