"""The person is away from a live conversation: a locked phone, a computer that sleeps.

Another tab in front is in test_browsers.py: Playwright lets every page believe that it is visible.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.server import ServerConnection

from moshi_frontend import proxy
from support.services import descendants
from support.tab import Tab, opened, speak

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

AUDIO = 1
AWAY_SECONDS = 3.0


class Listener:
    """A moshi that counts the packets that it hears, and gives them back."""

    def __init__(self) -> None:
        self.packets = 0

    async def __call__(self, conversation: ServerConnection) -> None:
        async for message in conversation:
            self.packets += message[0] == AUDIO
            await conversation.send(message)

    async def hear(self, packets: int) -> None:
        before = self.packets
        async with asyncio.timeout(30):
            while self.packets < before + packets:
                await asyncio.sleep(0.05)


async def is_going_on(tab: Tab, listener: Listener) -> None:
    await listener.hear(50)
    await expect(tab.state).to_contain_text("Live")
    await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
    assert len(tab.moshi.conversations) == 1


async def test_a_page_that_was_frozen_for_seconds_goes_on(browser: Browser) -> None:
    """As a phone does it to a page behind a locked screen. The service has heard nothing meanwhile."""
    listener = Listener()
    async with opened(browser, chat=listener) as tab:
        await tab.connect()
        await listener.hear(50)
        devtools = await tab.page.context.new_cdp_session(tab.page)
        await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        await asyncio.sleep(AWAY_SECONDS)
        await devtools.send("Page.setWebLifecycleState", {"state": "active"})
        await is_going_on(tab, listener)


@contextmanager
def asleep() -> Iterator[None]:
    """Every process of the browser stands still."""
    processes = [one for one in descendants(os.getpid()) if "chrom" in Path(f"/proc/{one}/comm").read_text()]
    assert processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


async def test_a_computer_that_sleeps_through_the_limit_begins_a_new_conversation(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frontend ends a silent conversation after 20 s; here after 2 s, and the browser sleeps no longer than that.
    connection.test.ts has a sleep of 30 s with the page's real limits, on a simulated clock."""
    assert proxy.PING_SECONDS + proxy.PONG_SECONDS == 20
    monkeypatch.setattr(proxy, "PING_SECONDS", 1.0)
    monkeypatch.setattr(proxy, "PONG_SECONDS", 1.0)
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        with asleep():
            async with asyncio.timeout(30):
                await (await tab.moshi.conversation()).wait_closed()
        await tab.moshi.conversation(1)
        await expect(tab.page.get_by_text("Moshi does not remember")).to_be_visible()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
