"""Plain HTTP on the port for HTTPS, and the authority that a device fetches there before it trusts anything."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from moshi_service.network import accepting
from support.running_frontend import Frontend, running_frontend

pytestmark = pytest.mark.anyio

NOBODY_LISTENS = "http://127.0.0.1:1"


@pytest.fixture
async def frontend(tmp_path: Path) -> AsyncIterator[Frontend]:
    async with running_frontend(NOBODY_LISTENS, tls="auto", state_dir=tmp_path, host="0.0.0.0") as running:
        yield running


async def fetch_authority(frontend: Frontend) -> x509.Certificate:
    answer = await frontend.get("/scenario6-authority.crt")
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert "content-disposition" not in answer.headers  # with it iOS makes a file of it, not a profile
    return x509.load_der_x509_certificate(answer.content)


async def test_a_request_is_led_to_https(frontend: Frontend) -> None:
    answer = await frontend.get("/talk%20/?codec=wasm", headers={"Host": "localhost:8443"})
    assert (answer.status_code, answer.headers["location"]) == (307, "https://localhost:8443/talk%20/?codec=wasm")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_name_that_is_not_the_services_leads_nowhere(frontend: Frontend) -> None:
    assert (await frontend.get("/", headers={"Host": "evil.example"})).status_code == 421


async def test_a_conversation_does_not_begin_over_plain_http(frontend: Frontend) -> None:
    answer = await frontend.get(
        "/api/chat",
        headers={
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert answer.status_code == 403


async def test_the_authority_that_is_fetched_without_trust_makes_https_trusted(frontend: Frontend) -> None:
    authority = await fetch_authority(frontend)
    trust = ssl.create_default_context(cadata=authority.public_bytes(Encoding.PEM).decode())
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        answer = await client.get(f"https://{frontend.address}/api/config")
        again = await client.get(f"https://{frontend.address}/scenario6-authority.crt")
    assert answer.json()["devices"]["authority"] == authority.fingerprint(SHA256()).hex(":").upper()
    assert again.content == authority.public_bytes(Encoding.DER)


async def test_without_a_certificate_of_its_own_there_is_no_authority() -> None:
    async with running_frontend(NOBODY_LISTENS) as plain:
        assert (await plain.get("/scenario6-authority.crt")).status_code == 404
        assert (await plain.get("/api/config")).json()["devices"] == {"origins": [], "authority": None}


async def test_only_a_browser_on_this_machine_learns_its_addresses(frontend: Frontend) -> None:
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        url = f"https://{frontend.address}/api/config"
        here = (await client.get(url)).json()["devices"]
        there = (await client.get(url, headers={"X-Forwarded-For": "192.0.2.7"})).json()["devices"]
    port = frontend.address.rpartition(":")[2]
    assert all(origin.startswith("https://") and origin.endswith(f":{port}") for origin in here["origins"])
    assert there == {**here, "origins": []}


async def test_a_peer_that_says_nothing_is_dropped(frontend: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_SECONDS", 0.2)
    host, port = frontend.address.split(":")
    reader, writer = await asyncio.open_connection(host, port)
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()
