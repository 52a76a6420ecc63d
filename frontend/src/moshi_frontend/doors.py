"""The ways into the proxy: a path of moshi, the credentials that it asks for, and the form of its refusals."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import override

from fastapi import WebSocket
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from moshi_frontend.closing import CloseFrame, close
from moshi_frontend.errors import openai as errors
from moshi_service.protocol.openai.common import offered
from moshi_service.protocol.openai.refusals import HttpRefusal, refusal
from moshi_service.protocol.wire import wants_events


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
    async def refuse(self, socket: WebSocket, cause: str, frame: CloseFrame) -> None:
        """Tell a client that has not entered why it may not. A client that left first is no error.

        Args:
            cause: one word, of this service or of moshi.
        """

    def announces(self, socket: WebSocket) -> bool:
        """Whether the client wants an event before a close frame."""
        return False


class ChatDoor(Door):
    """`/api/chat`: accepted even to be refused, because a browser learns neither code nor reason of a failed
    upgrade."""

    path = "/api/chat"

    @override
    async def knock(self, socket: WebSocket) -> None:
        await socket.accept()

    @override
    async def enter(self, socket: WebSocket, subprotocol: str | None) -> None:
        pass

    @override
    async def refuse(self, socket: WebSocket, cause: str, frame: CloseFrame) -> None:
        await close(socket, frame, announce=self.announces(socket))

    @override
    def announces(self, socket: WebSocket) -> bool:
        return wants_events(socket.query_params)


class ApiDoor(Door):
    """A path of OpenAI's APIs: the upgrade itself is refused, because SDKs show its status."""

    def __init__(self, path: str, keys: Sequence[SecretStr]) -> None:
        self.path = path
        self._keys = keys

    @override
    async def knock(self, socket: WebSocket) -> None:
        _, key = offered(socket.scope.get("subprotocols", ()))
        check_key(socket, self._keys, key)

    @override
    async def enter(self, socket: WebSocket, subprotocol: str | None) -> None:
        await socket.accept(subprotocol)

    @override
    async def refuse(self, socket: WebSocket, cause: str, frame: CloseFrame) -> None:
        await socket.send_denial_response(refusal(cause, frame.reason, frame.retry_after))


def check_key(connection: HTTPConnection, keys: Sequence[SecretStr], authorization: str | None = None) -> None:
    """
    Args:
        keys: those that clients may send as `Authorization: Bearer`. Without keys there is no API.
        authorization: takes the place of a missing header.

    Raises:
        HttpRefusal: the client has none of the keys. The comparison takes as long for any wrong key.
    """
    if not keys:
        raise HttpRefusal("off", errors.api_off())
    sent = connection.headers.get("authorization", authorization or "").encode()
    known = [secrets.compare_digest(sent, f"Bearer {key.get_secret_value()}".encode()) for key in keys]
    if not any(known):
        raise HttpRefusal("token", errors.api_key_wrong())
