"""A URL of moshi with the wrong scheme: every place that says why moshi is not reached names the right one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from support.fake_moshi import FakeMoshi
from support.running_frontend import Frontend, closed_by_server, running_frontend

pytestmark = pytest.mark.anyio

TRY_HTTPS = "it serves HTTPS, not HTTP; try https://"
TRY_HTTP = "it serves HTTP, not HTTPS; try http://"


@pytest.fixture
def context() -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(made)
    return made


@asynccontextmanager
async def fake_moshi(tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    async with FakeMoshi().running(tls) as fake:
        yield fake.url


@asynccontextmanager
async def real_service(tls: ssl.SSLContext | None, folder: Path) -> AsyncIterator[str]:
    """The server that moshi has too, as the frontend runs it."""
    async with running_frontend("http://127.0.0.1:1", tls="auto" if tls else "off", state_dir=folder) as service:
        yield f"{'https' if tls else 'http'}://{service.address}"


@asynccontextmanager
async def raw_server(to_tls: bytes, to_other: bytes, tls_port: int | None = None) -> AsyncIterator[str]:
    """Answers with bytes of our own. Passes TLS on to `tls_port` if that is given, as a proxy does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        is_tls = first.startswith(b"\x16")
        if is_tls and tls_port:
            back, on = await asyncio.open_connection("127.0.0.1", tls_port)
            on.write(first)
            await asyncio.gather(_pass_on(reader, on), _pass_on(back, writer))
        elif first:
            writer.write(to_tls if is_tls else to_other)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"localhost:{server.sockets[0].getsockname()[1]}"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


def in_other_scheme(url: str) -> str:
    return url.replace("https://", "http://") if url.startswith("https:") else url.replace("http://", "https://")


async def reasons(frontend: Frontend) -> tuple[str, str]:
    """Why moshi is not reached, by /health (and so by /api/config, which the page shows), and by a refused call."""
    config = await frontend.config(until=lambda config: config["moshi"]["health"]["detail"] != "not asked yet")
    health = (await frontend.get("/health")).json()["detail"]
    assert config["moshi"]["health"]["detail"] == health
    async with frontend.chat() as client:
        _, code, reason = await closed_by_server(client)
    assert code == 1013
    return health, reason


@pytest.mark.parametrize("service", ["fake moshi", "real service"])
@pytest.mark.parametrize(("has_tls", "hint"), [(True, TRY_HTTPS), (False, TRY_HTTP)])
async def test_the_other_scheme_is_offered_where_it_is_answered(
    service: str, has_tls: bool, hint: str, context: ssl.SSLContext, tmp_path: Path
) -> None:
    tls = context if has_tls else None
    started = fake_moshi(tls) if service == "fake moshi" else real_service(tls, tmp_path)
    async with started as url, running_frontend(in_other_scheme(url)) as frontend:
        health, reason = await reasons(frontend)
    assert health == hint
    assert reason.endswith(f": {hint}")


REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""How nginx and others answer plain HTTP on a port for TLS."""

ALERT = bytes([0x15, 3, 3, 0, 2, 2, 40])
"""TLS: handshake failure."""


async def test_a_port_for_tls_that_answers_plain_http_with_400_is_recognised(context: ssl.SSLContext) -> None:
    async with (
        fake_moshi(context) as url,
        raw_server(b"", REFUSED, int(url.rpartition(":")[2])) as address,
        running_frontend(f"http://{address}") as frontend,
    ):
        health, reason = await reasons(frontend)
    assert health == TRY_HTTPS
    assert reason.endswith(f": {TRY_HTTPS}")


@pytest.mark.parametrize(
    ("scheme", "to_tls", "to_other"),
    [
        ("https", ALERT, REFUSED),
        ("https", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n"),
        ("http", ALERT, REFUSED),
        ("http", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n"),
        ("http", b"", b""),
    ],
)
async def test_nothing_is_offered_without_an_answer_in_the_other_scheme(
    scheme: str, to_tls: bytes, to_other: bytes
) -> None:
    async with raw_server(to_tls, to_other) as address, running_frontend(f"{scheme}://{address}") as frontend:
        health, reason = await reasons(frontend)
    assert "try http" not in health + reason
