"""Where things are on the page: nothing moves when a hint comes, and a call fits on one screen."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.server import ServerConnection

from e2e.test_page_states import PERSONAS
from moshi_service.health import Health
from moshi_service.protocol.events import WarningEvent
from support.fake_moshi import READY
from support.tab import PICTURES, Tab, opened, speak, wait_for_config

pytestmark = pytest.mark.anyio

SIZES = [(1280, 800), (390, 844), (360, 740), (844, 390), (640, 360)]
"""A desktop, phones, one on its side, and a desktop at 200 %."""

SCREENS = {
    "320": (320, 568),
    "390": (390, 844),
    "768": (768, 1024),
    "1280": (1280, 800),
    "844-on-its-side": (844, 390),
    "200-percent": (640, 400),
    "400-percent": (320, 200),
}
"""In CSS pixels. The last two are 1280 by 800 at a zoom of 200 % and 400 %."""
DEVICE_PIXELS = {"200-percent": 2, "400-percent": 4}
"""In each CSS pixel, where there are more than one: a browser zooms by making CSS pixels larger."""

# Buttons whose edge cannot be told from their ground.
EDGES = """[...document.querySelectorAll("button, summary.button")]
  .filter((one) => one.checkVisibility())
  .filter((one) => {
    const { borderTopColor, borderTopWidth, backgroundColor } = getComputedStyle(one);
    return borderTopColor === backgroundColor || borderTopWidth === "0px";
  })
  .map((one) => one.textContent)"""
INK = """(() => {
  const style = getComputedStyle(document.querySelector("canvas"));
  return style.color !== getComputedStyle(document.body).backgroundColor;
})()"""

# A microphone of the test's own: silent until `tone.gain.value` is 1.
QUIET_MICROPHONE = """() => {
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    window.tone = new GainNode(context, { gain: 0 });
    const oscillator = new OscillatorNode(context);
    oscillator.connect(tone).connect(out);
    oscillator.start();
    return out.stream;
  };
}"""


# As Chrome translates a page: an element of its own takes the place of each text, of later ones too. The other language
# needs twice the length.
TRANSLATOR = """addEventListener("DOMContentLoaded", () => {
  const skipped = "font, select, textarea, [translate=no]";
  const translate = (root) => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    for (const text of found) {
      if (!text.data.trim() || text.parentElement.closest(skipped)) continue;
      const [outer, inner] = [document.createElement("font"), document.createElement("font")];
      inner.textContent = `${text.data} ${text.data}`;
      outer.append(inner);
      text.replaceWith(outer);
    }
  };
  const later = new MutationObserver((records) => {
    for (const { target, addedNodes } of records) if (addedNodes.length > 0) translate(target);
  });
  later.observe(document.body, { childList: true, subtree: true });
  translate(document.body);
});"""
# A long one in a script that runs from right to left.
DEVICE_NAME = "سماعة الرأس اللاسلكية مع ميكروفون وبلوتوث (USB 2.0)"
NAMED = f"Object.defineProperty(MediaStreamTrack.prototype, 'label', {{ get: () => {DEVICE_NAME!r} }});"


async def resize(tab: Tab, size: tuple[int, int], device_pixels: int = 1) -> None:
    await tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    if device_pixels > 1:
        zoomed = {"width": size[0], "height": size[1], "deviceScaleFactor": device_pixels, "mobile": False}
        devtools = await tab.page.context.new_cdp_session(tab.page)
        await devtools.send("Emulation.setDeviceMetricsOverride", zoomed)
    await tab.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await tab.page.evaluate("scrollTo(0, 0)")


async def boxes(tab: Tab) -> dict[str, Any]:
    """Of what can be pressed, at each size, but for what is part of a hint: left, top, width, height."""
    found: dict[str, Any] = {}
    for size in SIZES:
        await resize(tab, size)
        at_size = await tab.page.evaluate(
            """() => [...document.querySelectorAll("button, summary, [tabindex]")]
              .filter(element => !element.closest("[data-testid=hint], dialog") && element.checkVisibility())
              .map(element => {
                const { x, y, width, height } = element.getBoundingClientRect();
                const name = element.dataset.testid === "captions" ? "captions" : element.textContent;
                return [name.replace(/Delay.*/, ""), [x, y, width, height].map(Math.round)];
              })"""
        )
        found |= {f"{size[0]}x{size[1]} {name}": box for name, box in at_size}
    return found


async def test_a_warning_moves_nothing(browser: Browser) -> None:
    conversations: list[ServerConnection] = []

    async def chat(conversation: ServerConnection) -> None:
        conversations.append(conversation)
        await speak(conversation)

    async with opened(browser, chat=chat) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("from the west")
        hint = tab.page.get_by_test_id("hint")
        await expect(hint).to_be_empty()
        before = await boxes(tab)
        assert {f"{width}x{height} Hang up" for width, height in SIZES} <= set(before)
        for why in ("session", "idle", "draining"):
            await conversations[0].send(WarningEvent(why=why, seconds=300).message())
            await expect(hint).not_to_be_empty()
            assert await boxes(tab) == before


async def test_no_sound_moves_nothing_and_is_not_said_of_a_microphone_that_was_heard(browser: Browser) -> None:
    """Measured: it came 4 s after a microphone had been heard, and moved the buttons by 82 pixels."""
    async with opened(browser, chat=speak) as tab:
        await tab.page.evaluate(QUIET_MICROPHONE)
        await tab.connect()
        hint = tab.page.get_by_test_id("hint")
        await expect(hint).to_contain_text("Nothing comes from your microphone")
        with_hint = await boxes(tab)
        await tab.page.evaluate("() => { tone.gain.value = 0.5 }")
        await expect(hint).to_be_empty()
        assert await boxes(tab) == with_hint
        await tab.page.evaluate("() => { tone.gain.value = 0 }")
        await expect(tab.page.get_by_test_id("you")).to_have_text("Silent")
        await tab.page.wait_for_timeout(6000)  # it would come after 4 s
        await expect(hint).to_be_empty()


async def test_state_and_main_control_share_one_screen(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        tab.moshi.personas = PERSONAS
        await wait_for_config(tab, lambda config: config["moshi"]["info"]["personas"] is not None)
        await tab.page.reload()
        await expect(tab.page.get_by_label("Role")).to_be_visible()
        await expect_on_one_screen(tab, "idle", "Connect")
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("from the west")
        await expect_on_one_screen(tab, "live", "Mute", "Hang up")
        await resize(tab, (1280, 800))
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Push to talk").check()
        await tab.button("Close").click()
        await expect_on_one_screen(tab, "push-to-talk", "Hold to talk", "Hang up")


async def expect_on_one_screen(tab: Tab, state: str, *buttons: str) -> None:
    """At each size: the heading and the buttons are on the screen, no word of a button wraps, and nothing is wider."""
    for name, size in SCREENS.items():
        device_pixels = DEVICE_PIXELS.get(name, 1)
        await resize(tab, size, device_pixels)
        assert await tab.page.evaluate("[innerWidth, devicePixelRatio]") == [size[0], device_pixels]
        await tab.page.screenshot(path=PICTURES / f"{state}-{name}.png")
        parts = [tab.page.get_by_test_id("state").locator("h2"), *(tab.button(one) for one in buttons)]
        boxes = [await part.bounding_box() for part in parts]
        for box in boxes:
            assert box is not None
            assert box["x"] >= 0 and box["y"] >= 0, (name, boxes)
            assert box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1], (name, boxes)
        heading, *pressed = (box for box in boxes if box)
        assert heading["y"] + heading["height"] <= min(box["y"] for box in pressed), f"{name}: one covers the other"
        assert len({box["height"] for box in pressed}) == 1, f"{name}: words wrap"
        assert await tab.page.evaluate("document.documentElement.scrollWidth") <= size[0], name


async def test_a_translated_page_keeps_telling_its_state_and_fits(browser: Browser) -> None:
    """Without elements of their own for new words, the state stays at its first words, "One moment", for ever."""
    async with opened(browser, chat=speak, scripts=[TRANSLATOR, NAMED]) as tab:
        await resize(tab, SCREENS["320"])
        await expect(tab.state).to_contain_text("Ready when you are Ready when you are")
        await tab.button("Test mic Test mic").click()
        await expect(tab.page.get_by_test_id("you")).to_have_text("We can hear you We can hear you")
        await expect(tab.page.get_by_test_id("device")).to_have_css("direction", "rtl")
        await expect_no_wider(tab)
        await tab.button("Connect Connect").click()
        await expect(tab.state).to_contain_text("Live Live")
        await expect(tab.state).not_to_contain_text("Ready")
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you Moshi hears you")
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("from the west.")
        await expect_no_wider(tab)
        timer = tab.page.get_by_role("timer")
        await expect(timer).not_to_have_text(await timer.inner_text())
        await tab.button("Mute Mute").click()
        await expect(tab.state).to_contain_text("Muted Muted")
        await expect(tab.button("Unmute Unmute")).to_be_visible()
        await expect_no_wider(tab)
        await tab.button("Hang up Hang up").click()
        await expect(tab.state).to_contain_text("You hung up.")
        await expect(tab.state).not_to_contain_text("Live")
        await expect(tab.button("Connect again Connect again")).to_be_visible()
        await expect_no_wider(tab)


async def expect_no_wider(tab: Tab) -> None:
    assert await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_the_focus_is_never_behind_the_controls(browser: Browser) -> None:
    """They stay at the bottom of a low window."""
    async with opened(browser, chat=speak) as tab:
        tab.moshi.personas = PERSONAS
        await wait_for_config(tab, lambda config: config["moshi"]["info"]["personas"] is not None)
        await tab.page.reload()
        await expect(tab.page.get_by_label("Role")).to_be_visible()
        await resize(tab, SCREENS["400-percent"])
        for _ in range(3):  # Settings, Voice, Role
            await tab.page.keyboard.press("Tab")
        await expect(tab.page.get_by_label("Role")).to_be_focused()
        focused, control = (
            await tab.page.get_by_label("Role").bounding_box(),
            await tab.button("Connect").bounding_box(),
        )
        assert focused is not None and control is not None
        assert focused["y"] + focused["height"] <= control["y"]


async def test_forced_colours_and_reduced_motion(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        turning = "document.getAnimations().filter((one) => one.playState === 'running').length"
        tab.moshi.health = Health("starting", "load", 0.5, "7 of 16 GB")
        await expect(tab.state).to_contain_text("The model is starting")
        assert await tab.page.evaluate(turning) == 1
        await tab.page.emulate_media(reduced_motion="reduce", forced_colors="active")
        assert await tab.page.evaluate(turning) == 0
        tab.moshi.health = READY
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        assert await tab.page.evaluate(turning) == 0
        await tab.page.screenshot(path=PICTURES / "live-forced-colours.png")
        assert await tab.page.evaluate(EDGES) == []
        assert await tab.page.evaluate(INK), "the meter has the colour of its ground"


async def test_a_persona_is_picked_before_connecting(browser: Browser) -> None:
    async with opened(browser) as tab:
        tab.moshi.personas = PERSONAS
        await wait_for_config(tab, lambda config: config["moshi"]["info"]["personas"] is not None)
        await tab.page.reload()
        role = await tab.page.get_by_label("Role").bounding_box()
        connect = await tab.button("Connect").bounding_box()
        assert role is not None and connect is not None
        assert role["y"] + role["height"] <= connect["y"]


async def test_the_dialog_keeps_its_corners_and_ends_with_the_sampling(browser: Browser) -> None:
    """A dialog that scrolls itself has its scroll bar over its right corners in Firefox."""
    async with opened(browser) as tab:
        await resize(tab, (1280, 400))
        await tab.button("Settings").click()
        dialog = tab.page.get_by_role("dialog")
        corners = "dialog => [getComputedStyle(dialog).overflow, dialog.scrollHeight - dialog.clientHeight]"
        assert await dialog.evaluate(corners) == ["hidden", 0]
        sheet = dialog.get_by_test_id("settings")
        assert await sheet.evaluate("sheet => sheet.scrollHeight > sheet.clientHeight")
        await expect(tab.button("Close")).to_be_in_viewport()
        theme = await dialog.get_by_label("Colours").bounding_box()
        advanced = await dialog.get_by_text("Advanced", exact=True).bounding_box()
        assert theme is not None and advanced is not None
        assert theme["y"] < advanced["y"]
        await expect(dialog.get_by_label("Text temperature")).to_be_hidden()


async def test_the_caption_that_is_being_said_does_not_look_like_a_link(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.locator("[data-testid=captions][data-speaking=true] p:has(time)")).to_have_count(2)
        line = tab.page.get_by_test_id("captions").locator("p:has(time)").last
        decoration, background = await line.evaluate(
            "line => [getComputedStyle(line.querySelector('span')).textDecorationLine,"
            " getComputedStyle(line).backgroundColor]"
        )
        assert decoration == "none"
        assert background != "rgba(0, 0, 0, 0)"
