"""The user leaves the page in mid-call and comes back with the Back button: the page says so and has lost nothing.

The browser either shows the page again as it was, from its back/forward cache, or loads it again. `pageshow` tells.
"""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Dialog, expect
from websockets.asyncio.server import ServerConnection

from e2e.test_page_exits import WATCH, wait_until_held
from moshi_service.protocol.events import QueueEvent
from support.tab import Tab, opened, speak, talking_browser

pytestmark = pytest.mark.anyio

NOTE_HOW_SHOWN = "window.shown = []; addEventListener('pageshow', ({ persisted }) => window.shown.push(persisted));"
AS_IT_WAS = [False, True]
"""`pageshow` once for the first load, and once from the cache."""
LOADED_AGAIN = [False]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the module, because its browsers are: they share a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def caching(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with talking_browser(tmp_path_factory.mktemp("speech"), back_forward_cache=True) as browser:
        yield browser


@pytest.fixture(scope="module")
async def forgetful(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with talking_browser(tmp_path_factory.mktemp("speech")) as browser:
        yield browser


async def queue(conversation: ServerConnection) -> None:
    await conversation.send(QueueEvent(position=3, wait_seconds=95).message())
    await conversation.wait_closed()


async def go_away(tab: Tab) -> None:
    """To another address of the same site. Chromium asks before, as it does a person, if something is not saved."""

    async def leave(dialog: Dialog) -> None:
        await dialog.accept()

    tab.page.on("dialog", leave)
    await tab.page.goto(f"{tab.page.url}?elsewhere")


async def come_back(tab: Tab, how: list[bool]) -> None:
    await tab.page.go_back(wait_until="commit")
    await expect(tab.state).to_be_visible()
    assert await tab.page.evaluate("window.shown") == how


async def talk(tab: Tab) -> None:
    await tab.connect()
    await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm today")
    await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")


async def record(tab: Tab) -> None:
    await tab.button("Settings").click()
    await tab.page.get_by_role("switch", name="Record both sides").click()
    await tab.button("Close").click()


async def seconds_saved(tab: Tab, folder: Path) -> float:
    await tab.page.get_by_text("Save", exact=True).click()
    async with tab.page.expect_download() as started:
        await tab.button("Recording as WAV").click()
    await (await started.value).save_as(folder / "saved.wav")
    with wave.open(str(folder / "saved.wav")) as file:
        return float(file.getnframes() / file.getframerate())


async def test_back_to_a_page_as_it_was_says_that_leaving_ended_the_call(caching: Browser, tmp_path: Path) -> None:
    async with opened(caching, chat=speak, scripts=[NOTE_HOW_SHOWN]) as tab:
        await record(tab)
        await talk(tab)
        await tab.page.wait_for_timeout(1000)
        await go_away(tab)
        async with asyncio.timeout(30):  # moshi gets its slot back while the page is in the cache
            await (await tab.moshi.conversation()).wait_closed()
        await come_back(tab, AS_IT_WAS)
        await expect(tab.state).to_contain_text("You left this page, which ended the conversation.")
        await expect(tab.state).not_to_contain_text("hung up")
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm today")
        assert await seconds_saved(tab, tmp_path) > 0.5

        await tab.button("Connect again").click()
        await expect(tab.button("Hang up")).to_be_visible()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        assert len(tab.moshi.conversations) == 2
        await expect(
            tab.page.get_by_role("region", name="Earlier conversations").get_by_role("listitem")
        ).to_have_count(1)


async def test_back_to_a_page_as_it_was_says_that_leaving_ended_the_wait(caching: Browser) -> None:
    async with opened(caching, greet=queue, scripts=[NOTE_HOW_SHOWN]) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Number 3")
        await go_away(tab)
        await come_back(tab, AS_IT_WAS)
        await expect(tab.state).to_contain_text("You left this page before the conversation began.")
        await expect(tab.button("Connect again")).to_be_visible()


async def test_back_to_a_page_whose_microphone_was_tested_finds_it_released(caching: Browser) -> None:
    async with opened(caching, scripts=[NOTE_HOW_SHOWN, WATCH]) as tab:
        you = tab.page.get_by_test_id("you")
        await tab.button("Test mic").click()
        await expect(you).to_have_text("We can hear you")
        await go_away(tab)
        await come_back(tab, AS_IT_WAS)
        await expect(you).to_have_text("Not connected")
        await wait_until_held(tab)


async def test_back_to_a_page_that_nobody_used_says_nothing_of_it(caching: Browser) -> None:
    async with opened(caching, scripts=[NOTE_HOW_SHOWN]) as tab:
        await expect(tab.state).to_contain_text("Ready when you are")
        await go_away(tab)
        await come_back(tab, AS_IT_WAS)
        await expect(tab.state).to_contain_text("Ready when you are")


async def test_back_to_a_page_that_is_loaded_again_begins_anew(forgetful: Browser) -> None:
    async with opened(forgetful, chat=speak, scripts=[NOTE_HOW_SHOWN]) as tab:
        await talk(tab)
        await go_away(tab)
        async with asyncio.timeout(30):
            await (await tab.moshi.conversation()).wait_closed()
        await come_back(tab, LOADED_AGAIN)
        await expect(tab.state).to_contain_text("Ready when you are")
        await talk(tab)
        assert len(tab.moshi.conversations) == 2
