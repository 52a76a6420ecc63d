"""Clients that break off, over TLS: the log stays free of tracebacks."""

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.raw import MASK, upgrade
from support.services import START_SECONDS, Service, running_frontend, running_moshi

FAULTS = ("Traceback", "Exception in callback", "Fatal error", "SSL error", "Task exception", "socket.send() raised")
HALF_A_MESSAGE = bytes([0x82, 0xFE]) + struct.pack("!H", 60_000) + MASK + bytes(20_000)
PINGS = (bytes([0x89, 0xFD]) + MASK + bytes(125)) * 2000
"""Every one has an answer."""

NOT_UTF_8 = bytes([0x81, 0x82]) + MASK + b"\xff\xfe"
ENDS = (
    "reset",
    "close without close_notify",
    "half a record",
    "garbage",
    "handshake",
    "not UTF-8",
    "reset while the service writes",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    folder = tmp_path_factory.mktemp("both")
    with running_moshi(folder, {"MOSHI_SLOTS": "16", "MOSHI_TLS": "auto"}, wait=False) as moshi:
        dial_when_up(moshi).close()  # its certificate is there by then
        behind = {"MOSHI_URL": f"https://localhost:{moshi.port}", "FRONTEND_MOSHI_CA": str(folder / "tls" / "ca.pem")}
        with running_frontend(folder, moshi, {"FRONTEND_TLS": "auto", **behind}, wait=False) as frontend:
            yield {"moshi": moshi, "frontend": frontend}


def dial_when_up(service: Service) -> socket.socket:
    """It listens early, and answers once it has imported PyTorch."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", service.port), timeout=START_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class Client:
    """TLS in memory, so that a test can send parts of its records."""

    def __init__(self, service: Service) -> None:
        self.socket = dial_when_up(service)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self.outgoing, server_hostname="localhost")

    def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self._receive()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.outgoing.read())

    def read(self) -> bytes:
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self._receive()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _receive(self) -> None:
        if not (data := self.socket.recv(65536)):
            raise ConnectionError("the service closed the connection")
        self._incoming.write(data)


def break_off(service: Service, end: str) -> None:
    client = Client(service)
    if end == "handshake":
        with suppress(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.socket.sendall(client.outgoing.read()[:100])
        client.reset()
        return
    client.handshake()
    client.tls.write(upgrade(f"localhost:{service.port}"))
    client.flush()
    assert client.read().startswith(b"HTTP/1.1 101")
    client.tls.write({"not UTF-8": NOT_UTF_8, "reset while the service writes": PINGS}.get(end, HALF_A_MESSAGE))
    if end == "half a record":
        client.socket.sendall(client.outgoing.read()[:-5000])
    else:
        client.flush()
    if end == "garbage":
        client.socket.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))
    if end == "not UTF-8":
        with suppress(OSError):
            while b"\x88" not in client.read():
                pass
    if end.startswith("reset"):
        client.reset()
    else:
        client.socket.close()


@pytest.mark.parametrize("end", ENDS)
def test_a_client_that_breaks_off_leaves_no_traceback(both: dict[str, Service], end: str) -> None:
    before = {name: len(service.log.read_text()) for name, service in both.items()}
    for service in both.values():
        for _ in range(3):
            break_off(service, end)
    time.sleep(1)  # for the services to notice
    for name, service in both.items():
        log = service.log.read_text()[before[name] :]
        assert [fault for fault in FAULTS if fault in log] == [], f"{name}: {log}"
