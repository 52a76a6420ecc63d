"""The forms in which clients learn that no conversation can begin: a close frame, or the answer to the upgrade."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from pydantic import SecretStr
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from moshi_frontend.closing import CloseFrame
from moshi_frontend.doors import ApiDoor, ChatDoor
from moshi_frontend.placement import NotPlaced, Open, Placed
from moshi_frontend.proxy import Proxy
from moshi_frontend.settings import Settings
from moshi_service.protocol.wire import CloseCode

ANNA = {"Authorization": "Bearer key-of-anna"}


@dataclass
class Full:
    """Every moshi denies the client a slot and a place to wait, or has another `cause`."""

    cause: str = "full"

    async def place(self, _open: Open) -> Placed:
        raise NotPlaced("moshi", CloseFrame(CloseCode.TRY_LATER, "every slot is in use", 7, "slots-full"), self.cause)


def frontend(*keys: str, cause: str = "full", **settings: Any) -> TestClient:
    """Its two kinds of doors."""
    placement, trust = Full(cause), SimpleNamespace()
    proxy = Proxy(Settings(**settings), placement, trust, frozenset({"testserver"}))  # type: ignore[arg-type]
    doors = (ChatDoor(), ApiDoor("/v1/realtime", [SecretStr(key) for key in keys]))
    app = FastAPI()

    @app.websocket("/api/chat")
    async def chat(socket: WebSocket) -> None:
        await proxy.serve(socket, doors[0])

    @app.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        await proxy.serve(socket, doors[1])

    return TestClient(app)


def denied(client: TestClient, **options: Any) -> tuple[int, str, str | None]:
    """Status, code and `Retry-After`."""
    with pytest.raises(WebSocketDenialResponse) as denial, client.websocket_connect("/v1/realtime", **options):
        pass
    return denial.value.status_code, denial.value.json()["error"]["code"], denial.value.headers.get("Retry-After")


def test_a_page_gets_moshis_denial_as_a_close_frame_after_its_event() -> None:
    with frontend().websocket_connect("/api/chat?protocol=2") as socket:
        assert b'"error":"slots-full"' in socket.receive_bytes()
        with pytest.raises(WebSocketDisconnect) as left:
            socket.receive_bytes()
    assert (left.value.code, left.value.reason) == (CloseCode.TRY_LATER, "every slot is in use; Retry-After: 7")


def test_a_program_gets_moshis_denial_as_the_answer_to_its_upgrade() -> None:
    assert denied(frontend("key-of-anna"), headers=ANNA) == (503, "server_full", "7")


@pytest.mark.parametrize("cause", ["token", "host", "origin", "address", "setting", "starting"])
def test_a_program_does_not_take_a_denial_of_the_frontend_for_one_of_its_own_key(cause: str) -> None:
    assert denied(frontend("key-of-anna", cause=cause), headers=ANNA) == (503, "model_not_ready", "7")


def test_the_frontends_own_refusals_have_the_same_form() -> None:
    assert denied(frontend(), headers=ANNA) == (404, "api_off", None)
    assert denied(frontend("key-of-ben"), headers=ANNA) == (401, "invalid_api_key", None)
    evil = {**ANNA, "Origin": "https://evil.example"}
    assert denied(frontend("key-of-anna"), headers=evil) == (403, "origin_not_allowed", None)
    client = frontend("key-of-anna", connects_per_minute=1)
    denied(client, headers=ANNA)
    assert denied(client, headers=ANNA)[:2] == (429, "too_many_connections")


def test_a_browsers_key_is_a_subprotocol() -> None:
    client = frontend("key-of-anna")
    assert denied(client, subprotocols=["realtime", "openai-insecure-api-key.key-of-anna"])[:2] == (503, "server_full")
    assert denied(client, subprotocols=["realtime", "openai-insecure-api-key.key-of-ben"])[0] == 401
