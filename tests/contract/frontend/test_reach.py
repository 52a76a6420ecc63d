"""A connection to a name with several addresses, of which some lead nowhere."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.moshi_connection import reach

pytestmark = pytest.mark.anyio

LOCAL = "127.0.0.1"
NEVER = 200
"""A family of addresses that no system has."""


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose queue is full: it answers no further connection, as a firewall that drops packets."""
    with socket.socket() as listener:
        listener.bind((LOCAL, 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.mark.parametrize("family", [socket.AF_INET, NEVER], ids=["silent", "impossible"])
async def test_the_next_address_is_tried(family: int, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOCAL, 0)) as listener:
        found = [(one, socket.SOCK_STREAM, 0, "", (LOCAL, silent)) for one in (family, family)]
        found.append((socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname()))

        async def look_up(*_arguments: object, **_options: object) -> list[object]:
            return list(found)

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
        with await reach(Endpoint("http://moshi")) as connected:
            assert connected.getpeername() == listener.getsockname()


async def test_a_name_that_dns_cannot_have_is_a_name_that_nobody_has() -> None:
    with pytest.raises(socket.gaierror, match="the name is not one that DNS can have"):
        await reach(Endpoint("http://moshi..svc:8998"))
