"""A certificate that is replaced while a service runs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import trustme

from moshi_service import renewal
from moshi_service.tls import Certificate

pytestmark = pytest.mark.anyio


type Presented = Callable[[], Awaitable[str]]
"""The fingerprint of the certificate that a new connection is shown."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "CHECK_SECONDS", 0.02)


def issue(folder: Path, authority: trustme.CA, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> Certificate:
    issued = authority.issue_cert("localhost", key_type=kind)
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")


@asynccontextmanager
async def serving(
    certificate: Certificate, authority: trustme.CA, find: Callable[[], Certificate | None] | None = None
) -> AsyncIterator[Presented]:
    """A server that keeps its certificate current."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def presented() -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return sha256(shown).digest().hex(":").upper()

    watch = asyncio.create_task(renewal.keep_current(context, find or (lambda: certificate)))
    await asyncio.sleep(0.1)
    yield presented
    watch.cancel()
    server.close()


async def comes(presented: Presented, certificate: Certificate) -> None:
    async with asyncio.timeout(5):
        while await presented() != certificate.fingerprint():
            await asyncio.sleep(0.02)


def half_written(certificate: Certificate, _authority: trustme.CA) -> None:
    """The chain's file, while a tool still writes it."""
    certificate.chain.write_text("half a file")


def half_replaced(certificate: Certificate, authority: trustme.CA) -> None:
    """A new chain with the old key: a tool writes the two files one after the other."""
    key = certificate.key.read_bytes()
    issue(certificate.chain.parent, authority)
    certificate.key.write_bytes(key)


@pytest.mark.parametrize("change", [half_written, half_replaced])
async def test_it_is_presented_from_the_next_connection_on_and_never_in_part(
    change: Callable[[Certificate, trustme.CA], None], tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = issue(tmp_path, authority)
    first = certificate.fingerprint()
    async with serving(certificate, authority) as presented:
        assert await presented() == first
        change(certificate, authority)
        await asyncio.sleep(0.2)
        assert await presented() == first
        issue(tmp_path, authority)
        await comes(presented, certificate)


async def test_its_key_may_be_of_another_kind(tmp_path: Path) -> None:
    """OpenSSL keeps one certificate of each kind in a context, and prefers one of them."""
    authority = trustme.CA()
    certificate = issue(tmp_path, authority)
    async with serving(certificate, authority) as presented:
        for kind in (trustme.KeyType.RSA, trustme.KeyType.ECDSA):
            issue(tmp_path, authority, kind)
            await comes(presented, certificate)


async def test_a_first_look_that_fails_does_not_end_the_renewal(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = issue(tmp_path, authority)
    looks = iter([OSError("the disk is away")])

    def find() -> Certificate:
        for error in looks:
            raise error
        return certificate

    async with serving(certificate, authority, find) as presented:
        issue(tmp_path, authority)
        await comes(presented, certificate)
