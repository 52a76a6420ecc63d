"""The test of the microphone before a conversation: level, device, "We can hear you". It lets go of the microphone."""

import pytest
from playwright.async_api import Browser, expect

from e2e.test_page_exits import REFUSE, WATCH, wait_until_held
from e2e.test_page_layout import QUIET_MICROPHONE
from support.tab import Tab, opened, speak

pytestmark = pytest.mark.anyio

ECHO_REMAINS = """() => {
  const settings = MediaStreamTrack.prototype.getSettings;
  MediaStreamTrack.prototype.getSettings = function () {
    return { ...settings.call(this), echoCancellation: false };
  };
}"""
HEADPHONES = "Use headphones"


async def begin(tab: Tab) -> None:
    """By a double click, because End test takes the place of Test mic."""
    await tab.button("Test mic").dblclick()


async def test_a_person_is_heard_by_a_named_device_and_nothing_is_sent(browser: Browser) -> None:
    async with opened(browser, scripts=[WATCH]) as tab:
        you, device = tab.page.get_by_test_id("you"), tab.page.get_by_test_id("device")
        await begin(tab)
        await expect(you).to_have_text("We can hear you")
        await expect(tab.page.get_by_role("status").filter(has_text="We can hear you")).to_have_count(1)
        await expect(device).to_have_text("Fake Default Audio Input")
        await expect(tab.page.get_by_test_id("hint")).not_to_contain_text(HEADPHONES)  # Chromium cancels echo
        await tab.look("microphone-test", "idle")

        await tab.button("Settings").click()
        await tab.page.get_by_label("Microphone", exact=True).select_option(label="Fake Audio Input 2")
        await tab.button("Close").click()
        await expect(device).to_have_text("Fake Audio Input 2")
        await wait_until_held(tab, "a microphone", "a context")

        await tab.button("End test").click()
        await expect(you).to_have_text("Not connected")
        await wait_until_held(tab)
        assert tab.moshi.conversations == []


async def test_a_conversation_takes_the_place_of_the_test(browser: Browser) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        await begin(tab)
        await expect(tab.page.get_by_test_id("you")).to_have_text("We can hear you")
        await tab.connect()
        await wait_until_held(tab, "a microphone", "a context")  # a browser needs a moment to close a context
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        await expect(tab.button("End test")).to_have_count(0)


async def test_a_microphone_that_is_refused_or_gives_nothing_is_explained(browser: Browser) -> None:
    async with opened(browser, scripts=[WATCH]) as tab:
        hint = tab.page.get_by_test_id("hint")
        await tab.page.evaluate(f"() => {{ {REFUSE} }}")
        await begin(tab)
        await expect(hint).to_contain_text("Allow it beside the address bar")
        await wait_until_held(tab)
        await tab.page.evaluate(QUIET_MICROPHONE)
        await begin(tab)
        await expect(tab.page.get_by_test_id("you")).to_have_text("Say something")
        await expect(hint).to_contain_text("Nothing comes from your microphone")
        await expect(tab.button("Connect")).to_be_enabled()


async def test_headphones_are_suggested_only_without_echo_cancellation(browser: Browser) -> None:
    async with opened(browser) as tab:
        await expect(tab.page.locator("main")).not_to_contain_text("eadphones")
        await tab.page.evaluate(ECHO_REMAINS)
        await begin(tab)
        await expect(tab.page.get_by_test_id("hint")).to_contain_text(HEADPHONES)
