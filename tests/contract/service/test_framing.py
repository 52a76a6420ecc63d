"""A request that says in two ways where it ends is refused, and nothing after it on its connection is read."""

import socket

import pytest

from support.services import Service

BOTH = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
BODY = b"0\r\n\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answers(service: Service, request: bytes) -> bytes:
    """Everything that comes back until the service closes the connection."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        client.sendall(request)
        said = b""
        while data := client.recv(65536):
            said += data
    return said


@pytest.mark.parametrize("which", ["moshi", "frontend"])
@pytest.mark.parametrize(
    "headers",
    [
        BOTH,
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"TRANSFER-ENCODING: Chunked\r\ncontent-length: 5\r\n",
    ],
    ids=["length first", "encoding first", "capitals"],
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_length_and_an_encoding_are_refused(
    services: dict[str, Service], which: str, headers: bytes, method: bytes
) -> None:
    request = method + b" /alive HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n" + BODY + NEXT
    said = answers(services[which], request)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1  # the next request on this connection got no answer
    assert b"exclude each other" in said


@pytest.mark.parametrize("which", ["moshi", "frontend"])
def test_an_encoding_that_http_1_0_does_not_know_is_refused(services: dict[str, Service], which: str) -> None:
    request = b"GET /alive HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY + NEXT
    said = answers(services[which], request)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("which", ["moshi", "frontend"])
@pytest.mark.parametrize("headers", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_one_of_the_two_is_as_before(services: dict[str, Service], which: str, headers: bytes) -> None:
    last = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    said = answers(services[which], b"GET /alive HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n" + BODY + last)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1 ") == 2
