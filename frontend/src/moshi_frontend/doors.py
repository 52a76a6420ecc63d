"""The ways into the proxy: a path of moshi, the credentials that it asks for, and the form of its refusals."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence

from fastapi import WebSocket
from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus

from moshi_frontend.closing import CloseFrame
from moshi_service.protocol.openai.common import offered
from moshi_service.protocol.openai.refusals import HttpRefusal
from moshi_service.protocol.wire import wants_events

PASSED_ON = ("content-type", "retry-after")
"""Headers of moshi's refusal that the client gets too."""


class Door(ABC):
    """One way in. `path`: the same here and at moshi."""

    path: str

    @abstractmethod
    async def knock(self, socket: WebSocket) -> None:
        """A client has asked for the upgrade.

        Raises:
            HttpRefusal: the client may not come in by this door.
        """

    @abstractmethod
    async def enter(self, socket: WebSocket, subprotocol: str | None) -> None:
        """moshi has accepted the client, with this subprotocol."""

    @abstractmethod
    async def refuse(self, socket: WebSocket, cause: str, close: CloseFrame) -> None:
        """Tell a client that has not entered why it may not. A client that left first is no error."""

    async def pass_on(self, socket: WebSocket, refusal: InvalidStatus) -> bool:
        """Give the client moshi's refusal of the upgrade. Whether the client can get it."""
        return False

    def announces(self, socket: WebSocket) -> bool:
        """Whether the client wants an event before a close frame."""
        return False


class ChatDoor(Door):
    """`/api/chat`: accepted even to be refused, because a browser learns neither code nor reason of a failed
    upgrade."""

    path = "/api/chat"

    async def knock(self, socket: WebSocket) -> None:
        await socket.accept()

    async def enter(self, socket: WebSocket, subprotocol: str | None) -> None:
        pass

    async def refuse(self, socket: WebSocket, cause: str, close: CloseFrame) -> None:
        try:
            if self.announces(socket):
                await socket.send_bytes(close.announcement())
            await socket.close(close.code, close.text)
        except WebSocketDisconnect:
            pass

    def announces(self, socket: WebSocket) -> bool:
        return wants_events(socket.query_params)


class ApiDoor(Door):
    """A path of OpenAI's APIs: the upgrade itself is refused, because SDKs show its status."""

    def __init__(self, path: str, keys: Sequence[SecretStr]) -> None:
        self.path = path
        self._keys = keys

    async def knock(self, socket: WebSocket) -> None:
        _, key = offered(socket.scope.get("subprotocols", ()))
        check_key(socket, self._keys, key)

    async def enter(self, socket: WebSocket, subprotocol: str | None) -> None:
        await socket.accept(subprotocol)

    async def refuse(self, socket: WebSocket, cause: str, close: CloseFrame) -> None:
        await socket.send_denial_response(HttpRefusal(cause, close.reason, close.retry_after).response())

    async def pass_on(self, socket: WebSocket, refusal: InvalidStatus) -> bool:
        answer = refusal.response
        headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        await socket.send_denial_response(Response(bytes(answer.body or b""), answer.status_code, headers))
        return True


def check_key(connection: HTTPConnection, keys: Sequence[SecretStr], authorization: str | None = None) -> None:
    """
    Args:
        keys: those that clients may send as `Authorization: Bearer`. Without keys there is no API.
        authorization: takes the place of a missing header.

    Raises:
        HttpRefusal: the client has none of the keys. The comparison takes as long for any wrong key.
    """
    if not keys:
        raise HttpRefusal("off", "this service has no API; its operator turns it on with FRONTEND_API_KEYS")
    sent = connection.headers.get("authorization", authorization or "").encode()
    known = [secrets.compare_digest(sent, f"Bearer {key.get_secret_value()}".encode()) for key in keys]
    if not any(known):
        raise HttpRefusal("token", "the API key is missing or wrong: send one of FRONTEND_API_KEYS")
