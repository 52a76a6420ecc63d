"""The network of a live conversation fails: for three seconds, or for good because the device has another address.

The browser is on a second machine, a network namespace, so that a test can pull its cable.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from moshi_frontend.static import BUILT
from support.browser import arguments, executable, speech
from support.fake_moshi import FakeMoshi
from support.namespace import HOST, Namespace, second_machine
from support.running_frontend import running_frontend
from support.tab import Tab, speak, tab_at

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the module, because its browser is: they share a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def machine() -> Iterator[Namespace]:
    with second_machine() as other:
        yield other


@pytest.fixture(scope="module")
async def browser(machine: Namespace, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    folder = tmp_path_factory.mktemp("speech")
    program = machine.program(folder, executable())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments(speech(folder)))
        yield browser
        await browser.close()


@asynccontextmanager
async def live(browser: Browser, folder: Path) -> AsyncIterator[Tab]:
    moshi = FakeMoshi(chat=speak)
    async with (
        moshi.running(),
        running_frontend(moshi.url, page=BUILT, tls="auto", state_dir=folder, host="0.0.0.0") as frontend,
    ):
        address = f"https://{HOST}:{frontend.address.rpartition(':')[2]}/"
        async with tab_at(browser, address, moshi, ignore_https_errors=True) as tab:
            await expect(tab.state).to_contain_text("Ready when you are")
            await tab.connect()
            await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
            yield tab


async def test_after_three_seconds_without_a_network_the_conversation_goes_on(
    browser: Browser, machine: Namespace, tmp_path: Path
) -> None:
    async with live(browser, tmp_path) as tab:
        hint = tab.page.get_by_test_id("hint")
        machine.unplug()
        await expect(hint).to_contain_text("This device has no network")
        await asyncio.sleep(3)
        machine.plug_in()
        await expect(hint).not_to_contain_text("no network")
        heard = (await tab.stats())["messagesIn"]
        await tab.page.wait_for_function("heard => window.scenario6.stats().messagesIn > heard + 50", arg=heard)
        await expect(tab.state).to_contain_text("Live")
        assert len(tab.moshi.conversations) == 1


async def test_with_another_address_a_new_conversation_begins_and_the_page_says_so(
    browser: Browser, machine: Namespace, tmp_path: Path
) -> None:
    async with live(browser, tmp_path) as tab:
        machine.change_address()
        await tab.moshi.conversation(1)
        await expect(tab.state).to_contain_text("Live")
        await expect(tab.page.get_by_text("Moshi does not remember")).to_be_visible()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        assert len(tab.moshi.conversations) == 2
