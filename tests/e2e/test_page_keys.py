"""A key does what the page says it does, wherever the focus is. Every test here types real keys in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Locator, expect

from moshi_service.protocol.info import Personas, PresetChoice, VoiceChoice
from support.tab import Tab, opened, say_nothing, speak, wait_for_config

pytestmark = pytest.mark.anyio

PERSONAS = Personas(
    voices=[VoiceChoice(id="NATF0", seconds=4.0)],
    default_voice="NATF0",
    text_prompt="free",
    presets=[
        PresetChoice(id="sailor", name="sailor", text="You are a sailor.", tokens=9),
        PresetChoice(id="museum", name="museum guide", text="You are a guide.", tokens=9),
    ],
    max_characters=800,
    max_tokens=200,
)


async def switch_on_push_to_talk(tab: Tab) -> None:
    await tab.button("Settings").click()
    await tab.page.get_by_role("switch", name="Push to talk").click()
    await tab.button("Close").click()


async def press_connect(tab: Tab, key: str = "Enter") -> None:
    """With the keyboard alone."""
    for _ in range(20):
        await tab.page.keyboard.press("Tab")
        if await tab.button("Connect").evaluate("button => button === document.activeElement"):
            break
    await expect(tab.button("Connect")).to_be_focused()
    await tab.page.keyboard.press(key)


async def repeat(tab: Tab, key: str, times: int = 12) -> None:
    """As a key that is held: the browser repeats its `keydown`."""
    for _ in range(times):
        await tab.page.keyboard.down(key)
        await tab.page.wait_for_timeout(40)


def you(tab: Tab) -> Locator:
    return tab.page.get_by_test_id("you")


async def test_space_talks_right_after_a_click_on_connect(browser: Browser) -> None:
    """The steps of somebody who does what the page says."""
    async with opened(browser, chat=speak) as tab:
        await switch_on_push_to_talk(tab)
        await tab.connect()
        await expect(you(tab)).to_contain_text("muted", ignore_case=True)
        await tab.page.keyboard.down(" ")
        await expect(you(tab)).to_have_text("Moshi hears you")
        await tab.page.keyboard.up(" ")
        await expect(you(tab)).to_contain_text("muted", ignore_case=True)
        await expect(tab.button("Hang up")).to_be_visible()
        assert (await tab.stats())["state"] == "live"


@pytest.mark.parametrize("focus", ["Hang up", "Hold to talk", "Settings", "Save", "captions", "page"])
async def test_space_talks_wherever_the_focus_is_and_its_release_activates_nothing(
    browser: Browser, focus: str
) -> None:
    async with opened(browser, chat=speak) as tab:
        await switch_on_push_to_talk(tab)
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm today")
        places = {
            "captions": tab.page.get_by_test_id("captions"),
            "Save": tab.page.locator("summary", has_text="Save"),
        }
        if focus == "page":
            await tab.page.evaluate("document.activeElement.blur()")
        else:
            await places.get(focus, tab.button(focus)).focus()
        await repeat(tab, " ", 5)
        await expect(you(tab)).to_have_text("Moshi hears you")
        assert await tab.page.evaluate("scrollY") == 0
        await tab.page.keyboard.up(" ")
        await expect(tab.button("Hold to talk")).to_be_visible()
        await expect(tab.button("Hang up")).to_be_visible()
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)
        await expect(tab.button("Transcript as text")).to_have_count(0)


async def test_a_call_that_ends_while_space_is_held_is_not_begun_again_by_its_release(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await switch_on_push_to_talk(tab)
        await tab.connect()
        await tab.button("Hang up").focus()
        await tab.page.keyboard.down(" ")
        await expect(you(tab)).to_have_text("Moshi hears you")
        await (await tab.moshi.conversation()).close(1000, "over")
        await expect(tab.state).to_contain_text("Ended after")
        await tab.page.keyboard.up(" ")
        await tab.page.wait_for_timeout(300)
        assert (await tab.stats())["state"] == "ended"


@pytest.mark.parametrize("push_to_talk", [False, True], ids=["open", "push-to-talk"])
@pytest.mark.parametrize("key", ["Enter", " "], ids=["enter", "space"])
async def test_who_connects_by_the_keyboard_does_not_hang_up_by_the_same_key(
    browser: Browser, push_to_talk: bool, key: str
) -> None:
    async with opened(browser, chat=speak) as tab:
        if push_to_talk:
            await switch_on_push_to_talk(tab)
        await press_connect(tab, key)
        await expect(tab.button("Hang up")).to_be_visible()
        await expect(tab.button("Hang up")).not_to_be_focused()
        if push_to_talk:
            await expect(tab.button("Hold to talk")).to_be_focused()
        await tab.page.keyboard.press(key)
        await tab.page.wait_for_timeout(300)
        stats = await tab.stats()
        assert stats["state"] == "live"
        assert len(tab.moshi.conversations) == 1
        # The keyboard reaches what matters next.
        if not push_to_talk:
            await tab.page.keyboard.press("Tab")
            await expect(tab.button("Mute")).to_be_focused()


async def test_enter_held_on_connect_connects_once(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.button("Connect").focus()
        await repeat(tab, "Enter", 25)
        await tab.page.keyboard.up("Enter")
        await expect(tab.button("Hang up")).to_be_visible()
        await expect(you(tab)).to_have_text("Moshi hears you")
        assert len(tab.moshi.conversations) == 1


async def test_enter_held_on_a_button_activates_it_once(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await tab.button("Mute").focus()
        await repeat(tab, "Enter", 6)
        await tab.page.keyboard.up("Enter")
        await expect(tab.button("Unmute")).to_be_visible()
        await tab.button("Hang up").focus()
        await repeat(tab, "Enter", 6)
        await tab.page.keyboard.up("Enter")
        await expect(tab.button("Connect again")).to_be_focused()
        assert len(tab.moshi.conversations) == 1


async def double_click(tab: Tab, first: str, then: str) -> None:
    """On a button and the one that takes its place, which the page has drawn by then."""
    for count, name in enumerate((first, then), 1):
        box = await tab.button(name).bounding_box()
        assert box is not None
        await tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await tab.page.mouse.down(click_count=count)
        await tab.page.mouse.up(click_count=count)


async def test_a_double_click_connects_once_and_hangs_up_once(browser: Browser) -> None:
    async with opened(browser, greet=say_nothing) as tab:
        await double_click(tab, "Connect", "Cancel")
        await expect(tab.state).to_contain_text("Connecting")
        await tab.page.wait_for_timeout(300)
        assert (await tab.stats())["state"] == "connecting"
        await tab.page.wait_for_timeout(600)
        await double_click(tab, "Cancel", "Connect")
        await expect(tab.state).to_contain_text("Ready")
        await tab.page.wait_for_timeout(300)
        assert (await tab.stats())["state"] == "idle"


async def test_a_call_that_the_service_ends_leaves_the_focus_off_every_button(browser: Browser) -> None:
    """Who is about to press Enter on Hang up does not begin another call."""
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await tab.button("Hang up").focus()
        await (await tab.moshi.conversation()).close(1000, "over")
        await expect(tab.state).to_contain_text("Ended after")
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_timeout(300)
        assert (await tab.stats())["state"] == "ended"
        await tab.page.keyboard.press("Tab")
        await expect(tab.button("Connect again")).to_be_focused()


@asynccontextmanager
async def with_personas(browser: Browser) -> AsyncIterator[Tab]:
    async with opened(browser) as tab:
        tab.moshi.personas = PERSONAS
        await wait_for_config(tab, lambda config: config["moshi"]["info"]["personas"] is not None)
        await tab.page.reload()
        yield tab


async def test_a_role_is_typed_and_opens_nothing(browser: Browser) -> None:
    async with with_personas(browser) as tab:
        await tab.page.get_by_label("Role").select_option("Write your own")
        role = tab.page.get_by_label("What Moshi should be")
        await role.click()
        await tab.page.keyboard.type("sea captain, Mom's")
        await expect(role).to_have_value("sea captain, Mom's")
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)


async def test_type_ahead_in_a_select_opens_nothing(browser: Browser) -> None:
    async with with_personas(browser) as tab:
        role = tab.page.get_by_label("Role")
        await role.focus()
        await tab.page.keyboard.type("s")
        await expect(role).to_have_value("sailor")
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)


async def test_letters_mean_nothing_with_modifiers_in_dialogs_and_while_a_word_is_composed(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        dialog = tab.page.get_by_role("dialog")
        for modifier in ("Alt", "Meta", "Shift"):
            await tab.page.keyboard.press(f"{modifier}+m")
            await tab.page.keyboard.press(f"{modifier}+s")
        await tab.page.evaluate(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'm', isComposing: true, bubbles: true}))"
        )
        await expect(tab.button("Mute")).to_be_visible()
        await expect(dialog).to_have_count(0)
        await tab.page.keyboard.press("s")
        await expect(dialog).to_be_visible()
        await tab.page.keyboard.press("m")
        await tab.page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(tab.button("Mute")).to_be_visible()
        await tab.page.keyboard.press("m")
        await expect(tab.button("Unmute")).to_be_visible()


async def test_shortcuts_that_are_switched_off_do_nothing_and_are_not_announced(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.button("Mute")).to_have_attribute("aria-keyshortcuts", "m")
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Keyboard shortcuts").click()
        await tab.button("Close").click()
        await expect(tab.button("Mute")).not_to_have_attribute("aria-keyshortcuts", "m")
        for key in "ms":
            await tab.page.keyboard.press(key)
        await tab.page.wait_for_timeout(300)
        await expect(tab.button("Mute")).to_be_visible()
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)


async def test_editable_text_of_any_kind_keeps_its_letters(browser: Browser) -> None:
    async with opened(browser) as tab:
        await tab.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<div id=note contenteditable><b>Note</b></div>')"
        )
        await tab.page.locator("#note b").click()
        await tab.page.keyboard.press("End")
        await tab.page.keyboard.type("sms")
        await expect(tab.page.locator("#note")).to_have_text("Notesms")
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)
