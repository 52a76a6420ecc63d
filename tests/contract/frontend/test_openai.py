"""OpenAI's APIs through the frontend: its keys, moshi's token, and moshi's refusals."""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from moshi_service.protocol.upgrade import Denial
from moshi_service.protocol.wire import CloseCode
from support.fake_moshi import FakeMoshi
from support.running_frontend import Frontend, closed_by_server, running_frontend

pytestmark = pytest.mark.anyio

KEYS: dict[str, Any] = {"api_keys": "key-of-anna,key-of-ben", "MOSHI_API_TOKEN": "token-of-moshi"}
PATHS = ("/v1/live/sessions", "/v1/realtime")
ANNA = {"Authorization": "Bearer key-of-anna"}


async def nothing(_conversation: ServerConnection) -> None:
    """A session of OpenAI's APIs begins when its client says so."""


@pytest.fixture
async def moshi() -> AsyncIterator[FakeMoshi]:
    async with FakeMoshi(greet=nothing).running() as fake:
        yield fake


def dial(frontend: Frontend, path: str, **options: Any) -> connect:
    return connect(f"ws://{frontend.address}{path}", compression=None, proxy=None, **options)


async def refusal(frontend: Frontend, path: str, **options: Any) -> tuple[int, Any, str | None]:
    """Status, body and `Retry-After`."""
    with pytest.raises(InvalidStatus) as refused:
        await dial(frontend, path, **options)
    response = refused.value.response
    return response.status_code, json.loads(response.body or b""), response.headers.get("Retry-After")


@pytest.mark.parametrize("path", PATHS)
async def test_messages_pass_and_moshi_gets_its_token_instead_of_the_key(path: str, moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, **KEYS) as frontend:
        async with dial(frontend, f"{path}?model=moshi&seed=1", additional_headers=ANNA) as socket:
            text = json.dumps({"type": "session.start", "x": "y" * 200_000})
            await socket.send(text)
            assert await socket.recv() == text
        request = (await moshi.conversation()).request
        assert request is not None
        assert request.path == f"{path}?model=moshi&seed=1"
        assert request.headers["Authorization"] == "Bearer token-of-moshi"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer key-of-carl"}},
        {"additional_headers": {"Authorization": "key-of-anna"}},
        {"additional_headers": {"Authorization": "Bearer token-of-moshi"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.key-of-carl"]},
    ],
)
async def test_without_one_of_the_keys_nobody_comes_in(path: str, options: dict[str, Any], moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, **KEYS) as frontend:
        status, body, after = await refusal(frontend, path, **options)
        assert (status, body["error"]["code"], after) == (401, "invalid_api_key", None)
        assert (await frontend.get("/v1/models")).status_code == 401
    assert moshi.conversations == []


async def test_without_keys_there_is_no_api(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url) as frontend:
        for path in PATHS:
            status, body, _ = await refusal(frontend, path, additional_headers=ANNA)
            assert (status, body["error"]["code"]) == (404, "api_off")
            assert "FRONTEND_API_KEYS" in body["error"]["message"]
        assert (await frontend.get("/v1/models", headers=ANNA)).status_code == 404


async def test_a_browsers_key_is_a_subprotocol(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, **KEYS) as frontend:
        offered = ["realtime", "openai-insecure-api-key.key-of-ben"]
        async with dial(frontend, "/v1/realtime", subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
        assert (await moshi.conversation()).subprotocol == "realtime"


async def test_keys_come_from_a_file_too_and_never_into_the_log(
    tmp_path: Path, moshi: FakeMoshi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "moshi_frontend")
    file = tmp_path / "keys"
    file.write_text("key-of-dora\n\nkey-of-emil\n")
    async with running_frontend(moshi.url, api_keys_file=str(file), **KEYS) as frontend:
        for name in ("anna", "dora", "emil"):
            key = {"Authorization": f"Bearer key-of-{name}"}
            async with dial(frontend, "/v1/realtime", additional_headers=key):
                pass
        await refusal(frontend, "/v1/realtime", additional_headers={"Authorization": "Bearer key-of-carl"})
    assert "conversation 3: ends" in caplog.text
    assert "key-of" not in caplog.text


async def test_moshis_refusal_reaches_the_client(moshi: FakeMoshi) -> None:
    """moshi refuses in the form for frontends, and the client reads it in the API's form."""
    denial = Denial(cause="full", code=CloseCode.TRY_LATER, reason="every slot is in use", retry_after=7)
    moshi.refusal = (HTTPStatus.SERVICE_UNAVAILABLE, {"X-Secret": "x"}, denial.model_dump_json())
    async with running_frontend(moshi.url, **KEYS) as frontend:
        status, body, after = await refusal(frontend, "/v1/realtime", additional_headers=ANNA)
        assert (status, body["error"]["code"], after) == (503, "server_full", "7")
        assert body["error"]["message"] == "every slot is in use"


async def test_a_redirect_is_not_followed(moshi: FakeMoshi) -> None:
    """moshi redirects nobody; a proxy between the services does."""
    moshi.refusal = (HTTPStatus.PERMANENT_REDIRECT, {"Location": "https://elsewhere.example/"}, "")
    async with running_frontend(moshi.url, **KEYS) as frontend:
        status, body, _ = await refusal(frontend, "/v1/realtime", additional_headers=ANNA)
        assert status == 503
        assert body["error"]["message"].endswith("it answers 308, so it is not moshi")


async def test_the_frontends_own_refusals_have_the_same_form(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, max_connections=1, **KEYS) as frontend:
        origin = {"additional_headers": ANNA, "origin": "https://evil.example"}
        status, body, _ = await refusal(frontend, "/v1/realtime", **origin)
        assert (status, body["error"]["code"]) == (403, "origin_not_allowed")
        async with dial(frontend, "/v1/realtime", additional_headers=ANNA):
            status, body, after = await refusal(frontend, "/v1/realtime", additional_headers=ANNA)
            assert (status, body["error"]["code"], after) == (503, "server_full", "5")
    async with running_frontend(moshi.url, connects_per_minute=1, **KEYS) as frontend:
        async with dial(frontend, "/v1/realtime", additional_headers=ANNA):
            pass
        status, body, after = await refusal(frontend, "/v1/realtime", additional_headers=ANNA)
        assert (status, body["error"]["code"]) == (429, "too_many_connections")
        assert int(after or 0) >= 1
    async with running_frontend("http://127.0.0.1:9", **KEYS) as frontend:
        status, body, after = await refusal(frontend, "/v1/realtime", additional_headers=ANNA)
        assert (status, body["error"]["code"], after) == (503, "model_not_ready", "5")
        assert (await frontend.get("/v1/models", headers=ANNA)).status_code == 503


async def test_moshis_end_reaches_the_client_without_the_other_protocols_event(moshi: FakeMoshi) -> None:
    async def end(conversation: ServerConnection) -> None:
        await conversation.close(4002, "idle")

    moshi.chat = end
    async with (
        running_frontend(moshi.url, **KEYS) as frontend,
        dial(frontend, "/v1/realtime?protocol=2", additional_headers=ANNA) as socket,
    ):
        assert await closed_by_server(socket) == ([], 4002, "idle")


async def test_the_model_is_moshis(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, **KEYS) as frontend:
        await frontend.config(lambda config: config["moshi"]["info"] is not None)
        answer = await frontend.get("/v1/models", headers=ANNA)
        assert [model["id"] for model in answer.json()["data"]] == ["fake"]


async def test_a_message_may_have_256_kib_here_and_64_on_the_other_path(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url, **KEYS) as frontend:
        async with dial(frontend, "/v1/realtime", additional_headers=ANNA) as socket:
            await socket.send("x" * (256 * 1024 + 1))
            assert (await closed_by_server(socket))[1] == 1009
        async with frontend.chat() as socket:
            await socket.send("x" * (64 * 1024 + 1))
            assert (await closed_by_server(socket))[1] == 1009
