"""The frontend on a free port, in the test's own event loop."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from moshi_frontend.app import create_service
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.server import create_server
from moshi_frontend.settings import Settings
from moshi_service.listening import listen
from moshi_service.server import Server
from support.services import clean_environment

NO_PAGE = Path("no page was built here")


class Frontend:
    """`server`: if it runs in the test's own process."""

    def __init__(self, address: str, server: Server | None = None) -> None:
        self.address = address
        self._server = server

    def stop(self) -> None:
        """As SIGTERM does."""
        assert self._server is not None
        self._server.should_exit = True

    def chat(self, query: str = "", **options: Any) -> connect:
        return connect(f"ws://{self.address}/api/chat{query}", compression=None, proxy=None, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False) as client:
            return await client.get(path, **options)

    async def config(self, until: Callable[[Any], bool]) -> Any:
        """`/api/config` once it is as expected; it follows moshi by a second or so."""
        async with asyncio.timeout(15):
            while not until(config := (await self.get("/api/config")).json()):
                await asyncio.sleep(0.05)
        return config


@asynccontextmanager
async def running_frontend(*moshis: str, page: Path = NO_PAGE, **settings: object) -> AsyncIterator[Frontend]:
    chosen = Settings.model_validate(settings)
    service = create_service(chosen, [Endpoint(url) for url in moshis], page)
    server = create_server(service, chosen)
    bound = listen(chosen.model_copy(update={"port": 0}))
    port = bound.getsockname()[1]
    task = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield Frontend(f"127.0.0.1:{port}", server)
    finally:
        server.should_exit = True
        await task


async def closed_by_server(client: ClientConnection) -> tuple[list[bytes], int, str]:
    """What still arrives, then the close code and reason that the client was sent."""
    messages: list[bytes] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(15):
            while True:
                messages.append(await client.recv(decode=False))
    received = client.protocol.close_rcvd
    assert received is not None, "the connection broke without a close frame"
    return messages, received.code, received.reason


@asynccontextmanager
async def started_command(**settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`moshi-frontend` as a user starts it. If it still runs at the end, it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "moshi_frontend",
        env=clean_environment(**settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
