"""Pages of other sites that let their own name point to a service (DNS rebinding), at real services."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.asyncio.client import connect

from support.chatting import closing, handshake
from support.services import Service

pytestmark = pytest.mark.anyio

EVIL = "evil.example"


@contextmanager
def called(service: Service, host: str, origin: str | None = None) -> Iterator[dict[str, object]]:
    """Arguments of a WebSocket connection that reaches the service under another name."""
    yield {"uri": f"ws://{host}/api/chat", "host": "127.0.0.1", "port": service.port, "origin": origin}


@pytest.fixture(params=["moshi", "frontend"])
def service(request: pytest.FixtureRequest, services: dict[str, Service]) -> Service:
    return services[request.param]


@pytest.mark.parametrize("path", ["/", "/health", "/api/info", "/api/config"])
def test_a_rebound_name_reads_nothing(path: str, service: Service) -> None:
    answer = service.get(path, {"Host": f"{EVIL}:{service.port}"})
    assert answer.status_code == 421
    assert answer.json()["detail"].startswith(f"host '{EVIL}:{service.port}' is not in ")


async def test_a_page_under_a_rebound_name_cannot_talk(service: Service) -> None:
    host = f"{EVIL}:{service.port}"
    with called(service, host, f"http://{host}") as arguments:
        async with connect(**arguments) as socket:  # type: ignore[arg-type]
            code, reason = await closing(socket)
    assert code == 1008
    assert reason.startswith(f"host {host!a} is not in ")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8998", "[::1]:8998", "laptop.local", "talk.example:443"])
def test_its_own_names_are_answered(host: str, service: Service) -> None:
    assert service.get("/health", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [("talk.example:443", "https://talk.example"), ("Talk.Example:80", "http://talk.example"), ("localhost", None)],
)
async def test_a_page_of_its_own_name_talks(host: str, origin: str | None, service: Service) -> None:
    with called(service, host, origin) as arguments:
        async with connect(**arguments) as socket:  # type: ignore[arg-type]
            await handshake(socket)
