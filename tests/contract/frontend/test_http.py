"""What the frontend says over HTTP of itself and of moshi, and how it serves the page."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest

from moshi_service.health import Health
from support.fake_moshi import FakeMoshi
from support.running_frontend import running_frontend

pytestmark = pytest.mark.anyio

BROTLI = b"as it lies there: nobody unpacks it here"
NOBODY_LISTENS = "http://127.0.0.1:1"


@pytest.fixture
async def moshi() -> AsyncIterator[FakeMoshi]:
    async with FakeMoshi().running() as fake:
        yield fake


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    script = b"export const answer = 42;" * 50
    (tmp_path / "assets" / "main-abc123.js").write_bytes(script)
    (tmp_path / "assets" / "main-abc123.js.gz").write_bytes(gzip.compress(script))
    (tmp_path / "assets" / "main-abc123.js.br").write_bytes(BROTLI)
    return tmp_path


async def test_alive_says_nothing_about_moshi() -> None:
    async with running_frontend(NOBODY_LISTENS) as frontend:
        answer = await frontend.get("/alive")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_ready_when_moshi_is(moshi: FakeMoshi) -> None:
    async with running_frontend(moshi.url) as frontend:
        config = await frontend.config(until=lambda config: config["moshi"]["info"] is not None)
        health = await frontend.get("/health")
    assert config == {
        "service": "scenario6-frontend",
        "version": "0.1.0",
        "mode": "proxy",
        "chat_url": "api/chat",
        "secure_origin": None,
        "devices": {"origins": [], "authority": None},
        "moshi": {"url": moshi.url, "health": asdict(moshi.health), "info": moshi.info},
    }
    assert (health.status_code, health.json()) == (200, asdict(moshi.health))


async def test_starting_while_moshi_starts(moshi: FakeMoshi) -> None:
    moshi.health = Health("starting", "download", 0.42, "6.3 of 15 GB")
    async with running_frontend(moshi.url) as frontend:
        config = await frontend.config(until=lambda config: config["moshi"]["health"]["status"] == "starting")
        health = await frontend.get("/health")
        assert config["moshi"]["health"] == asdict(moshi.health)
        assert (health.status_code, health.json()) == (503, asdict(moshi.health))

        moshi.health = Health("ready", "ready", 1.0, "serving")
        await frontend.config(until=lambda config: config["moshi"]["health"]["status"] == "ready")
        assert (await frontend.get("/health")).status_code == 200


async def test_a_failure_that_moshi_tells_at_length_is_one_line_here(moshi: FakeMoshi) -> None:
    """Of another version, say; the page shows it."""
    told = "damaged: " + "size mismatch\n" * 400
    moshi.health = Health("failed", "load", None, told)
    async with running_frontend(moshi.url) as frontend:
        config = await frontend.config(until=lambda config: config["moshi"]["health"]["status"] == "failed")
        health = await frontend.get("/health")
    for detail in (config["moshi"]["health"]["detail"], health.json()["detail"]):
        assert detail.startswith("damaged: size mismatch size mismatch")
        assert "\n" not in detail
        assert len(detail) <= 600


async def test_waiting_while_moshi_is_unreachable() -> None:
    async with running_frontend(NOBODY_LISTENS) as frontend:
        config = await frontend.config(until=lambda config: config["moshi"]["health"]["detail"] == "connection refused")
        health = await frontend.get("/health")
    assert config["moshi"]["health"]["status"] == "unreachable"
    assert config["moshi"]["info"] is None
    assert health.status_code == 503
    assert health.json() == {
        "status": "starting",
        "phase": "waiting for moshi",
        "progress": None,
        "detail": "connection refused",
        "error": "connection-failed",
    }


async def test_something_else_that_answers_is_not_taken_for_moshi(moshi: FakeMoshi) -> None:
    async with running_frontend(f"{moshi.url}/elsewhere") as frontend:
        config = await frontend.config(
            until=lambda config: "but not as moshi does" in config["moshi"]["health"]["detail"]
        )
    assert config["moshi"]["health"]["status"] == "unreachable"


async def test_a_moshi_that_does_not_know_its_name_is_reported_as_such() -> None:
    async def misdirected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(misdirected, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    async with server, running_frontend(f"http://{address}") as frontend:
        await frontend.config(until=lambda config: "MOSHI_ALLOWED_HOSTS" in config["moshi"]["health"]["detail"])


async def test_the_page_learns_whether_a_trusted_proxy_serves_https() -> None:
    headers = {"Host": "talk.example", "X-Forwarded-Proto": "https"}
    async with running_frontend(NOBODY_LISTENS, allowed_hosts=("talk.example",)) as frontend:
        assert (await frontend.get("/api/config", headers=headers)).json()["secure_origin"] == "https://talk.example"
        headers["X-Forwarded-Proto"] = "http"
        assert (await frontend.get("/api/config", headers=headers)).json()["secure_origin"] is None
    async with running_frontend(NOBODY_LISTENS, trusted_proxies="", allowed_hosts=("talk.example",)) as frontend:
        headers["X-Forwarded-Proto"] = "https"
        assert (await frontend.get("/api/config", headers=headers)).json()["secure_origin"] is None
    async with running_frontend(NOBODY_LISTENS, allowed_origins=("https://talk.example",)) as frontend:
        answer = await frontend.get("/api/config", headers={"Host": "talk.example:8080"})
        assert answer.json()["secure_origin"] == "https://talk.example"


async def test_direct_mode_tells_the_page_where_moshi_is_and_lets_it_connect_there() -> None:
    async with running_frontend("https://moshi.example:8998", moshi_mode="direct") as frontend:
        answer = await frontend.get("/api/config")
    assert answer.json()["chat_url"] == "wss://moshi.example:8998/api/chat"
    assert (
        "connect-src 'self' wss://moshi.example:8998 https://moshi.example:8998;"
        in answer.headers["content-security-policy"]
    )


@pytest.mark.parametrize("path", ["/", "/assets/main-abc123.js", "/api/config", "/alive", "/health", "/nowhere"])
async def test_every_response_is_restricted(page: Path, path: str) -> None:
    async with running_frontend(NOBODY_LISTENS, page=page) as frontend:
        headers = (await frontend.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
    assert "connect-src 'self';" in policy
    assert "unsafe-inline" not in policy
    assert headers["permissions-policy"] == ("microphone=(self), speaker-selection=(self), screen-wake-lock=(self)")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/", "no-cache"),
        ("/assets/main-abc123.js", "max-age=315360000, public, immutable"),
        ("/api/config", "no-store"),
        ("/alive", "no-store"),
        ("/nowhere", "no-store"),
    ],
)
async def test_what_a_browser_may_keep(page: Path, path: str, cache: str) -> None:
    async with running_frontend(NOBODY_LISTENS, page=page) as frontend:
        assert (await frontend.get(path)).headers["cache-control"] == cache


async def test_the_page_is_served_as_it_was_compressed(page: Path) -> None:
    async with running_frontend(NOBODY_LISTENS, page=page) as frontend:
        index = await frontend.get("/")
        plain = await frontend.get("/assets/main-abc123.js", headers={"Accept-Encoding": "identity"})
        packed = await frontend.get("/assets/main-abc123.js", headers={"Accept-Encoding": "gzip"})
    assert index.text == (page / "index.html").read_text()
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == (page / "assets" / "main-abc123.js.gz").stat().st_size
    assert packed.content == plain.content == (page / "assets" / "main-abc123.js").read_bytes()


async def test_a_browser_that_knows_brotli_gets_it(page: Path) -> None:
    async with running_frontend(NOBODY_LISTENS, page=page) as frontend:
        url = f"http://{frontend.address}/assets/main-abc123.js"
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "gzip, deflate, br"}) as answer,
        ):
            sent = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "br"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "max-age=315360000, public, immutable"
    assert sent == BROTLI


@pytest.mark.parametrize("path", ["/../secret", "/..%2fsecret", "/assets/..%2f..%2fsecret", "/assets"])
async def test_nothing_but_the_page_is_served(page: Path, path: str) -> None:
    (page.parent / "secret").write_text("secret")
    async with running_frontend(NOBODY_LISTENS, page=page) as frontend:
        assert (await frontend.get(path)).status_code == 404


async def test_without_a_build_the_page_says_how_to_make_one() -> None:
    async with running_frontend(NOBODY_LISTENS) as frontend:
        answer = await frontend.get("/")
    assert answer.status_code == 503
    assert "make web" in answer.text
