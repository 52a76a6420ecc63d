"""A tab of the page in Chromium against a fake moshi: what a test sees of it, and what it does in it."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect
from websockets.asyncio.server import ServerConnection

from moshi_frontend.static import BUILT
from moshi_service.protocol.events import SessionEvent, SessionSettings
from moshi_service.protocol.wire import text
from support.browser import (
    ARTIFACTS,
    AXE,
    KEEP,
    PATIENCE_MS,
    REPORT_VIOLATIONS,
    arguments,
    executable,
    keep_picture,
    speech,
)
from support.fake_moshi import FakeMoshi, Script, echo
from support.running_frontend import Frontend, running_frontend

PICTURES = ARTIFACTS / "states"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
UNANSWERED = "navigator.permissions.query = async () => Object.assign(new EventTarget(), { state: 'prompt' });"
"""The browser still asks for the microphone, which Chromium in these tests allows by itself."""
SETTINGS = SessionSettings(
    text_temperature=0.7, text_topk=25, text_seed=7, audio_temperature=0.8, audio_topk=250, audio_seed=8
)
RULES = "MAP talk.example 127.0.0.1, MAP *.talk.example 127.0.0.1"
CONNECT_MS = 90_000
"""Longer than the page gives its steps together: on a slow machine a test fails when the page does, not before."""
FADED = """
  new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))).then(() =>
    Promise.allSettled(document.getAnimations()
      .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
      .map((one) => one.finished)))
"""
"""Until the colours have faded to those of the scheme, and whatever else moves once is in its place."""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Tab:
    page: Page
    moshi: FakeMoshi
    complaints: list[str] = field(default_factory=list)
    """Console errors and warnings, exceptions and violations of the content security policy."""

    @property
    def state(self) -> Locator:
        return self.page.get_by_test_id("state")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def stats(self) -> dict[str, Any]:
        stats = await self.page.evaluate("window.scenario6.stats()")
        assert isinstance(stats, dict)
        return stats

    async def connect(self) -> None:
        await self.button("Connect").click()
        await expect(self.button("Hang up")).to_be_visible(timeout=CONNECT_MS)

    async def look(self, name: str, state: str) -> None:
        """In both sizes and colours: axe-core finds nothing, and nothing is too wide. Pictures are taken on request."""
        assert (await self.stats())["state"] == state
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate(AXE.read_text())
        for size_name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            await self.page.set_viewport_size({"width": size["width"], "height": size["height"]})
            for scheme in ("light", "dark"):
                await self.page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                await self.page.evaluate(FADED)
                width = await self.page.evaluate("document.documentElement.scrollWidth")
                assert width <= size["width"], f"{name} is {width} pixels wide on a screen of {size['width']}"
                if os.environ.get(KEEP):
                    picture = PICTURES / f"{name}-{size_name}-{scheme}.png"
                    await self.page.screenshot(path=picture)
                    keep_picture(picture, picture.stem)
                assert await self.violations() == [], f"{name}, {size_name}, {scheme}"

    async def violations(self) -> list[str]:
        found = await self.page.evaluate(
            "tags => axe.run(document, {runOnly: tags}).then(results => results.violations)", AXE_TAGS
        )
        return [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for one in found for node in one["nodes"]]


@asynccontextmanager
async def talking_browser(folder: Path, *, back_forward_cache: bool = False) -> AsyncIterator[Browser]:
    """Chromium with someone speaking into its microphone. `talk.example` and the names below it are this machine.

    Playwright disables the back/forward cache, because its own `go_back` waits for a `load` event that a page from this
    cache never fires. A test that enables the cache passes `wait_until="commit"`.
    """
    async with async_playwright() as playwright:
        arguments_ = [*arguments(speech(folder)), f"--host-resolver-rules={RULES}"]
        ignored = ["--disable-back-forward-cache"] if back_forward_cache else []
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=arguments_, ignore_default_args=ignored
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def tab_at(
    browser: Browser, address: str, moshi: FakeMoshi, *, scripts: Sequence[str] = (), **options: Any
) -> AsyncIterator[Tab]:
    """`scripts` run in the page before its own. `options` are those of the browser's context."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    tab = Tab(page, moshi)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            tab.complaints.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    for script in (REPORT_VIOLATIONS, *scripts):
        await page.add_init_script(script)
    await page.goto(address)
    yield tab
    await context.close()


@asynccontextmanager
async def opened(
    browser: Browser, greet: Script | None = None, chat: Script = echo, scripts: Sequence[str] = (), **options: Any
) -> AsyncIterator[Tab]:
    """A page whose moshi does as it is told, without complaints until its end."""
    moshi = FakeMoshi(chat=chat)
    if greet:
        moshi.greet = greet
    async with moshi.running(), running_frontend(moshi.url, page=BUILT) as frontend:
        await frontend.config(until=is_ready)
        async with tab_at(browser, f"http://{frontend.address}/", moshi, scripts=scripts, **options) as tab:
            yield tab
            assert tab.complaints == [], tab.complaints


def is_ready(config: Any) -> bool:
    return bool(config["moshi"]["health"]["status"] == "ready")


async def say_nothing(conversation: ServerConnection) -> None:
    await conversation.wait_closed()


async def speak(conversation: ServerConnection) -> None:
    """Say some words, and give back what is heard."""
    words = " Hello! I have been listening to you. The sea is calm today, and the wind comes from the west."
    for word in words.split():
        await conversation.send(text(f" {word}"))
    await conversation.send(SessionEvent(id="c0ffee", settings=SETTINGS).message())
    await echo(conversation)


def then(*messages: bytes) -> Script:
    """Sends these, and then does as `speak` does."""

    async def chat(conversation: ServerConnection) -> None:
        for message in messages:
            await conversation.send(message)
        await speak(conversation)

    return chat


async def wait_for_config(tab: Tab, until: Callable[[Any], bool]) -> None:
    """The frontend follows its moshi by a second or so."""
    address = tab.page.url.removeprefix("http://").rstrip("/")
    await Frontend(address).config(until=until)
