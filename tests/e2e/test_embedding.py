"""The page in a frame of another site."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, FrameLocator, Page, expect

from contract.fake_moshi import FakeMoshi
from contract.running_frontend import running_frontend
from moshi_frontend.static import BUILT
from support.browser import PATIENCE_MS
from support.services import free_port
from support.tab import CONNECT_MS, is_ready, speak, talking_browser

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the module, because its browser is: they share a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with talking_browser(tmp_path_factory.mktemp("speech")) as browser:
        yield browser


@asynccontextmanager
async def site(routes: Sequence[web.RouteDef | web.StaticDef]) -> AsyncIterator[str]:
    """Another site on this machine: its origin."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://localhost:{port}"
    await runner.cleanup()


@asynccontextmanager
async def framed(browser: Browser, allow: str = "", listed: bool = True) -> AsyncIterator[tuple[Page, FrameLocator]]:
    """A page of another site with the service's page in a frame.

    Args:
        allow: the frame's permissions.
        listed: whether the service knows the site.
    """
    html = ""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(content_type="text/html", text=html)

    moshi = FakeMoshi(chat=speak)
    async with moshi.running(), site([web.get("/", answer)]) as origin:
        origins = f"https://other.example,{origin}" if listed else "https://other.example"
        async with running_frontend(moshi.url, page=BUILT, embed_origins=origins) as frontend:
            await frontend.config(until=is_ready)
            address = f"http://{frontend.address}/"
            html = f'<!doctype html><title>Site</title><iframe src="{address}" allow="{allow}" height="760"></iframe>'
            context = await browser.new_context()
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"{origin}/")
            yield page, page.frame_locator("iframe")
            await context.close()


async def test_a_conversation_in_a_frame_of_a_listed_site(browser: Browser) -> None:
    async with framed(browser, "microphone") as (_, frame):
        await frame.get_by_role("button", name="Connect").click()
        await expect(frame.get_by_test_id("captions")).to_contain_text("The sea is calm", timeout=CONNECT_MS)
        await expect(frame.get_by_test_id("you")).to_have_text("Moshi hears you")


async def test_a_frame_without_the_microphone_says_what_it_lacks(browser: Browser) -> None:
    async with framed(browser) as (_, frame):
        await frame.get_by_role("button", name="Connect").click()
        await expect(frame.get_by_test_id("state")).to_contain_text('Its frame needs allow="microphone".')


async def test_a_site_that_is_not_listed_shows_nothing(browser: Browser) -> None:
    async with framed(browser, "microphone", listed=False) as (page, _):
        assert page.frames[1].url.startswith("chrome-error:")
