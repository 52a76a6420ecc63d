"""A certificate that is replaced while a service runs."""

import asyncio
import ssl
from hashlib import sha256
from pathlib import Path

import pytest
import trustme

from moshi_service import renewal
from moshi_service.tls import Certificate

pytestmark = pytest.mark.anyio


def issue(folder: Path, authority: trustme.CA) -> Certificate:
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")


async def test_it_is_presented_from_the_next_connection_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "CHECK_SECONDS", 0.02)
    authority = trustme.CA()
    certificate = issue(tmp_path, authority)
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

    watch = asyncio.create_task(renewal.keep_current(context, lambda: certificate))
    await asyncio.sleep(0.1)
    first = await presented()
    assert first == certificate.fingerprint()
    (tmp_path / "cert.pem").write_text("half a file")
    await asyncio.sleep(0.1)
    assert await presented() == first
    issue(tmp_path, authority)
    async with asyncio.timeout(5):
        while await presented() == first:
            await asyncio.sleep(0.02)
    assert await presented() == certificate.fingerprint()
    watch.cancel()
    server.close()
