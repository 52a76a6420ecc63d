"""Clients that no library would write: plain sockets with bytes of our own."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = bytes(4)
PING = bytes([0x89, 0x80]) + MASK
CONTINUATION = bytes([0x00, 0x80]) + MASK
FIRST_PART = bytes([0x02, 0x80]) + MASK
CONTROL = bytes([0x82, 0x81]) + MASK + b"\x03"
"""A whole message of one byte, of a kind that the service ignores."""

FLOODS = {
    "pings": (b"", PING),
    "continuations": (FIRST_PART, CONTINUATION),
    "messages": (b"", CONTROL),
}
"""What begins, and what is repeated."""


def upgrade(address: str, query: str = "", headers: str = "") -> bytes:
    """The request for a WebSocket. `headers` are whole lines."""
    return (
        f"GET /api/chat{query} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    ).encode("latin-1")


def dial(address: str, receive_buffer: int | None = None) -> socket.socket:
    host, port = address.split(":")
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(20)
    client.connect((host, int(port)))
    return client


@contextmanager
def flooding(address: str, kind: str) -> Iterator[list[int]]:
    """A client that sends tiny frames, a megabyte a second if so much is taken, and reads what comes. Threads do it.

    Yields the sizes of the chunks (bytes) that were taken so far.
    """
    taken: list[int] = []
    begin, repeated = FLOODS[kind]
    stop = threading.Event()
    client = dial(address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    client.settimeout(None)
    client.sendall(upgrade(address))
    assert client.recv(12) == b"HTTP/1.1 101"
    client.sendall(begin)  # frames that arrive together with the request are lost in uvicorn's own upgrade

    def send() -> None:
        chunk = repeated * 2000
        try:
            while not stop.is_set():
                client.sendall(chunk)
                taken.append(len(chunk))
                stop.wait(len(chunk) / 2**20)  # a megabyte a second
        except OSError:
            pass

    def read() -> None:
        try:
            while not stop.is_set() and client.recv(65536):
                pass
        except OSError:
            pass

    threads = [threading.Thread(target=send), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        stop.set()
        with suppress(OSError):  # the service dropped it
            client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        client.close()


async def ask(address: str, request: bytes) -> bytes:
    """What is answered until the connection ends or nothing comes for a while."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    answer = b""
    try:
        writer.write(request)
        async with asyncio.timeout(15):
            while b"\r\n\r\n" not in answer and (more := await reader.read(65536)):
                answer += more
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer
