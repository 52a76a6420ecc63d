"""The page under a prefix of a reverse proxy, which knows nothing of what it passes on."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.sync_api import expect

from support.browser import REPORT_VIOLATIONS, talking_browser
from support.services import Service, free_port, running_frontend, running_moshi

pytestmark = pytest.mark.alone


@contextmanager
def reverse_proxy(target: Service) -> Iterator[str]:
    """`/talk/…` leads to `/…` of the target. Yields the page's address."""
    port = free_port()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        url = f"{target.url}/{request.match_info['path']}"
        headers = {name: value for name, value in request.headers.items() if not name.startswith("Sec-WebSocket")}
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                inner = web.WebSocketResponse()
                await inner.prepare(request)
                async with session.ws_connect(f"{url}?{request.query_string}", headers=headers) as outer:
                    await asyncio.wait(
                        [asyncio.create_task(_pass(inner, outer)), asyncio.create_task(_pass(outer, inner))],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    await inner.close()
                return inner
            async with session.get(url, headers=headers) as answer:
                dropped = ("Transfer-Encoding", "Date")
                kept = {name: value for name, value in answer.headers.items() if name not in dropped}
                return web.Response(body=await answer.read(), status=answer.status, headers=kept)

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/talk/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://localhost:{port}/talk/"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


async def _pass(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)


def test_a_conversation_under_a_prefix(tmp_path: Path) -> None:
    with (
        running_moshi(tmp_path, {"MOSHI_SLOTS": "1"}) as moshi,
        running_frontend(tmp_path, moshi) as frontend,
        reverse_proxy(frontend) as address,
        talking_browser(tmp_path) as browser,
    ):
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.add_init_script(REPORT_VIOLATIONS)
        page.goto(address)
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_role("button", name="Hang up")).to_be_visible(timeout=15_000)
        deadline = time.monotonic() + 15
        while page.evaluate("window.scenario6.stats().playedSeconds") < 2:
            assert time.monotonic() < deadline
            page.wait_for_timeout(100)
        assert complaints == []
