"""Another site shows the page in a frame, or takes its sound from the npm package."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, FrameLocator, Page, expect

from moshi_frontend.static import BUILT
from support.browser import PATIENCE_MS, ROOT
from support.fake_moshi import FakeMoshi
from support.running_frontend import running_frontend
from support.services import free_port
from support.tab import CONNECT_MS, is_ready, speak

pytestmark = pytest.mark.anyio

WEB = ROOT / "frontend/web"


@asynccontextmanager
async def site(routes: Sequence[web.RouteDef | web.StaticDef]) -> AsyncIterator[str]:
    """Another site on this machine: its origin."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://localhost:{port}"
    finally:
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
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not page.frames[1].url:  # the browser has not decided yet
                await asyncio.sleep(0.05)
        assert page.frames[1].url.startswith("chrome-error:")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which npm installed the package that `make package` packs."""
    packed = subprocess.run([ROOT / "tools/pack-audio"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    folder = tmp_path_factory.mktemp("site")
    (folder / "package.json").write_text("{}")
    install: list[str | Path] = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--silent", ROOT / packed]
    subprocess.run(install, cwd=folder, check=True)
    return folder


def example(service: str) -> str:
    """The page of the package's README, for this service."""
    (page,) = re.findall(r"```html\n(.*?)```", (WEB / "embed/README.md").read_text(), re.DOTALL)
    assert len(page.splitlines()) <= 13
    assert page.count("https://talk.example/") == 1
    return f"<!doctype html><title>Site</title>{page.replace('https://talk.example/', service)}"


def as_it_is(folder: Path, service: str) -> Path:
    """The example and the package's files."""
    site = folder / "as-it-is"
    shutil.copytree(folder / "node_modules/scenario6-audio", site / "scenario6-audio")
    (site / "index.html").write_text(example(service))
    return site


def bundled(folder: Path, service: str) -> Path:
    """The example, with the package's name in its import, built by Vite."""
    (folder / "index.html").write_text(example(service).replace("./scenario6-audio/index.js", "scenario6-audio"))
    build: list[str | Path] = [
        WEB / "node_modules/.bin/vite",
        "build",
        "--base=./",
        "--outDir=bundled",
        "--logLevel=error",
    ]
    subprocess.run(build, cwd=folder, check=True)
    return folder / "bundled"


@pytest.mark.parametrize("built", [as_it_is, bundled])
async def test_the_example_of_the_package_talks(
    browser: Browser, installed: Path, built: Callable[[Path, str], Path]
) -> None:
    moshi, pages = FakeMoshi(chat=speak), installed / built.__name__

    async def answer(request: web.Request) -> web.FileResponse:
        return web.FileResponse(pages / (request.match_info["path"] or "index.html"))

    async with (
        moshi.running(),
        site([web.get("/{path:.*}", answer)]) as origin,
        running_frontend(moshi.url, allowed_origins=origin) as frontend,
    ):
        pages = built(installed, f"http://{frontend.address}/")
        context = await browser.new_context()
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await page.goto(f"{origin}/")
        await page.get_by_role("button", name="Talk").click()
        captions = page.locator("#captions")
        await expect(captions).to_contain_text("The sea is calm today", timeout=CONNECT_MS)
        await page.wait_for_function("document.querySelector('#level').value > 0.01")  # it gives back what it hears
        await page.get_by_role("button", name="Hang up").click()
        await expect(captions).to_contain_text("(1000")
        conversation = await moshi.conversation()
        async with asyncio.timeout(15):
            await conversation.wait_closed()
        assert (conversation.close_code, failures) == (1000, [])
        await context.close()


def test_the_package_has_types(installed: Path) -> None:
    (installed / "site.ts").write_text("""
import { CloseCode, connect, type End, type Talk } from "scenario6-audio";
const levels: number[] = [];
const onEnd = ({ code, error }: End): boolean => code === CloseCode.Finished && error === null;
const talk: Talk = await connect(new URL("https://talk.example"), {
  onLevels: (microphone, moshi) => levels.push(microphone + moshi), onEnd }, { settings: { seed: 7 }, muted: true });
talk.setMuted(false);
export const late: boolean = talk.stats().underruns > 0;
// @ts-expect-error there is no such handler
await connect("https://talk.example", { onWords: () => undefined });
""")
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    checked = subprocess.run(
        [WEB / "node_modules/.bin/tsc", *options, "--types", "", "site.ts"],
        cwd=installed, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert (checked.returncode, checked.stdout) == (0, "")
