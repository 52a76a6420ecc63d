"""Tokens and limits by address, at real services."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from loadtest.client import converse, encode, noise
from support.chatting import closing, handshake
from support.services import Service, running_frontend, running_moshi

pytestmark = pytest.mark.anyio

TOKEN = "sesame-of-the-tests"
TOKENS = {"MOSHI_API_TOKEN": TOKEN}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"MOSHI_SLOTS": "2", "MOSHI_CONNECTIONS_PER_ADDRESS": "2", "MOSHI_LOG_TEXT": "true", **TOKENS}
    with running_moshi(tmp_path_factory.mktemp("guarded"), settings) as service:
        yield service


async def test_without_the_token_there_is_health_and_nothing_else(guarded: Service) -> None:
    assert guarded.get("/alive").status_code == 200
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/api/info").status_code == 401
    assert guarded.get("/api/info", BEARER).status_code == 200
    async with connect(guarded.chat) as socket:
        assert await closing(socket) == (4003, "a token is needed: that of MOSHI_API_TOKEN")
    async with connect(guarded.chat, additional_headers={"Authorization": "Bearer wrong"}) as socket:
        assert (await closing(socket))[0] == 4003


async def test_the_frontend_holds_the_token_for_its_browsers(guarded: Service, tmp_path: Path) -> None:
    with running_frontend(tmp_path, guarded, TOKENS) as frontend:
        assert (await converse(frontend.chat + "?seed=1", encode(noise(4.0)))).heard
        assert TOKEN not in frontend.get("/api/config").text
        logs = frontend.log.read_text() + guarded.log.read_text()
    assert TOKEN not in logs
    assert "says" in guarded.log.read_text()  # by MOSHI_LOG_TEXT


async def test_a_frontend_with_another_token_says_so(guarded: Service, tmp_path: Path) -> None:
    with running_frontend(tmp_path, guarded, {"MOSHI_API_TOKEN": "another"}, wait=False) as frontend:
        async with asyncio.timeout(20):
            while True:
                try:
                    detail = frontend.get("/health").json()["detail"]
                except httpx.HTTPError:
                    detail = ""
                if "asks for a token; set MOSHI_API_TOKEN" in detail:
                    break
                await asyncio.sleep(0.1)


async def test_one_address_has_so_many_connections(guarded: Service) -> None:
    async with (
        connect(guarded.chat, additional_headers=BEARER) as first,
        connect(guarded.chat, additional_headers=BEARER) as second,
    ):
        await handshake(first)
        await handshake(second)
        async with connect(guarded.chat, additional_headers=BEARER) as third:
            assert await closing(third) == (1013, "2 connections are open from 127.0.0.1 already")


async def test_behind_a_trusted_proxy_each_client_has_its_own_address(guarded: Service, tmp_path: Path) -> None:
    settings = {**TOKENS, "FRONTEND_CONNECTIONS_PER_ADDRESS": "1"}

    with running_frontend(tmp_path, guarded, settings) as frontend:
        async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.1"}) as first:
            await handshake(first)
            async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.2"}) as second:
                await handshake(second)
            async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.1"}) as third:
                assert await closing(third) == (1013, "1 connections are open from 192.0.2.1 already")
    with running_frontend(tmp_path, guarded, {**settings, "FRONTEND_TRUSTED_PROXIES": ""}) as frontend:
        async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.1"}) as first:
            await handshake(first)
            async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.2"}) as second:
                assert await closing(second) == (1013, "1 connections are open from 127.0.0.1 already")


async def test_a_proxy_is_trusted_on_a_socket_for_both_kinds_of_addresses(guarded: Service, tmp_path: Path) -> None:
    """Such a socket shows 127.0.0.1 as ::ffff:127.0.0.1."""
    settings = {**TOKENS, "FRONTEND_CONNECTIONS_PER_ADDRESS": "1", "FRONTEND_HOST": "::"}
    with running_frontend(tmp_path, guarded, settings) as frontend:
        async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.1"}) as first:
            await handshake(first)
            async with connect(frontend.chat, additional_headers={"X-Forwarded-For": "192.0.2.2"}) as second:
                await handshake(second)


async def test_a_browser_is_to_do_nothing_with_moshis_answers(guarded: Service) -> None:
    for path in ("/alive", "/health", "/api/info", "/nothing"):
        headers = guarded.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    assert guarded.get("/docs").status_code == 404


@pytest.mark.parametrize("upgrade", [False, True])
async def test_a_request_whose_head_does_not_end_is_refused(guarded: Service, tmp_path: Path, upgrade: bool) -> None:
    ask = "GET /api/chat HTTP/1.1\r\nUpgrade: websocket\r\n" if upgrade else "GET /alive HTTP/1.1\r\n"
    with running_frontend(tmp_path, guarded, TOKENS) as frontend:
        for service in (guarded, frontend):
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
                writer.write(f"{ask}Host: localhost\r\nX-Large: ".encode())
                with suppress(ConnectionError):  # it need not listen to the end
                    for _ in range(64):
                        writer.write(bytes([ord("x")]) * 16384)
                        await writer.drain()
                    answer = await reader.read(12)
                    assert answer in (b"", b"HTTP/1.1 431")
                writer.close()
            assert service.get("/alive").status_code == 200
