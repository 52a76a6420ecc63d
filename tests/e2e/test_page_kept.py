"""What was said stays in the tab until the person lets it go: Connect again and a reload lose nothing unasked."""

import wave
from pathlib import Path

import pytest
from playwright.async_api import Browser, Dialog, Locator, expect
from websockets.asyncio.server import ServerConnection

from moshi_service.protocol.wire import text
from support.fake_moshi import echo
from support.tab import Tab, opened, say_nothing

pytestmark = pytest.mark.anyio


class Counting:
    """Says another sentence in each conversation."""

    def __init__(self) -> None:
        self.conversations = 0

    async def __call__(self, conversation: ServerConnection) -> None:
        self.conversations += 1
        await conversation.send(text(f" This is conversation {self.conversations}."))
        await echo(conversation)


async def talk(tab: Tab, number: int) -> None:
    await tab.button("Connect" if number == 1 else "Connect again").click()
    await expect(tab.page.get_by_test_id("captions")).to_contain_text(f"This is conversation {number}.")
    await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
    await tab.page.wait_for_timeout(1000)
    await tab.button("Hang up").click()


async def download(tab: Tab, button: Locator, folder: Path) -> Path:
    async with tab.page.expect_download() as started:
        await button.click()
    file = await started.value
    path = folder / file.suggested_filename
    await file.save_as(path)
    return path


async def save_text(tab: Tab, folder: Path) -> Path:
    await tab.page.get_by_text("Save", exact=True).click()
    return await download(tab, tab.button("Transcript as text"), folder)


@pytest.fixture
def asked() -> list[str]:
    """The kinds of the browser's own dialogs."""
    return []


def stay(tab: Tab, asked: list[str]) -> None:
    async def on_dialog(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    tab.page.on("dialog", on_dialog)


async def try_to_reload(tab: Tab) -> None:
    """As a person does; the page is told nothing before."""
    await tab.page.evaluate("() => { window.stayed = true; setTimeout(() => location.reload()) }")
    await tab.page.wait_for_timeout(1000)


async def stayed(tab: Tab) -> bool:
    return bool(await tab.page.evaluate("window.stayed === true"))


async def test_connect_again_keeps_each_earlier_transcript_and_recording(browser: Browser, tmp_path: Path) -> None:
    async with opened(browser, chat=Counting()) as tab:
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Record both sides").click()
        await tab.button("Close").click()
        for number in (1, 2, 3):
            await talk(tab, number)
        await expect(tab.page.get_by_test_id("captions")).not_to_contain_text("conversation 2")
        earlier = tab.page.get_by_role("region", name="Earlier conversations")
        await expect(earlier.get_by_role("listitem")).to_have_count(2)
        await tab.look("earlier", "ended")
        for number, place in ((2, 0), (1, 1)):  # the newest first
            one = earlier.get_by_role("listitem").nth(place)
            await expect(one).to_contain_text("Not saved")
            await one.locator("summary").click()
            saved = await download(tab, one.get_by_role("button", name="Transcript as text"), tmp_path)
            assert f"This is conversation {number}." in saved.read_text()
            await expect(one.locator("summary")).to_contain_text("Not saved")  # its recording is not
            sound = await download(tab, one.get_by_role("button", name="Recording as WAV"), tmp_path)
            with wave.open(str(sound)) as file:
                assert file.getnframes() > 0.5 * file.getframerate()
            await expect(one.locator("summary")).not_to_contain_text("Not saved")


async def test_a_reload_asks_while_something_is_not_saved(browser: Browser, tmp_path: Path, asked: list[str]) -> None:
    async with opened(browser, chat=Counting()) as tab:
        stay(tab, asked)
        await talk(tab, 1)
        await try_to_reload(tab)
        assert asked == ["beforeunload"]
        assert await stayed(tab)
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("This is conversation 1.")
        await save_text(tab, tmp_path)
        await talk(tab, 2)
        await save_text(tab, tmp_path)
        await try_to_reload(tab)
        assert asked == ["beforeunload"]
        assert not await stayed(tab)


async def test_a_conversation_that_goes_on_is_asked_about_and_goes_on(browser: Browser, asked: list[str]) -> None:
    async with opened(browser, chat=Counting()) as tab:
        stay(tab, asked)
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("This is conversation 1.")
        await try_to_reload(tab)
        assert asked == ["beforeunload"]
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        assert (await tab.stats())["state"] == "live"


async def test_nothing_is_asked_when_nothing_was_said(browser: Browser, asked: list[str]) -> None:
    async with opened(browser, greet=say_nothing) as tab:
        stay(tab, asked)
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Record both sides").click()
        await tab.button("Close").click()
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Connecting")
        await tab.page.wait_for_timeout(1500)
        await try_to_reload(tab)
        assert asked == []
        assert not await stayed(tab)
