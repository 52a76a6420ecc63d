"""The microphone ends in mid-call: the page uses another one, or says that there is none and goes on without.

`track.stop()` ends a track without its `ended` event, which only the browser fires. The tests fire it on the real
track.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import sphn
from playwright.async_api import Browser, Locator, expect
from websockets.asyncio.server import ServerConnection

from moshi_service.health import Health
from support.fake_moshi import READY
from support.tab import Tab, opened, speak, wait_for_config

pytestmark = pytest.mark.anyio

UNPLUG = """() => {
  const track = window.tracks.at(-1);
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""
PLUG_IN = "() => { window.refusal = null; navigator.mediaDevices.dispatchEvent(new Event('devicechange')); }"
WATCH = """
window.tracks = [];
window.refusal = null;
{
  const devices = navigator.mediaDevices;
  const request = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    if (window.refusal) throw new DOMException("", window.refusal);
    const stream = await request(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
  // A screen reader is told of these when they appear.
  window.alerts = [];
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver(() => {
      for (const alert of document.querySelectorAll("[role=alert]")) {
        if (window.alerts.at(-1) !== alert.textContent) window.alerts.push(alert.textContent);
      }
    }).observe(document.body, { childList: true, subtree: true, characterData: true }),
  );
}
"""
KEEP_PERMISSION = """
{
  const query = navigator.permissions.query.bind(navigator.permissions);
  navigator.permissions.query = async (wanted) => {
    const status = await query(wanted);
    window.permission ??= status; // the first one, which the page keeps
    return status;
  };
}
"""
AUDIO = 1
TONE_HZ = 440
HEADSET = f"""() => {{
  navigator.mediaDevices.getUserMedia = async () => {{
    const context = new AudioContext({{ sampleRate: 16000 }});
    const out = context.createMediaStreamDestination();
    const tone = new OscillatorNode(context, {{ frequency: {TONE_HZ} }});
    tone.connect(out);
    tone.start();
    window.tracks.push(...out.stream.getTracks());
    return out.stream;
  }};
}}"""
REPLACED = "The microphone was unplugged; another one is used now."


def you(tab: Tab) -> Locator:
    return tab.page.get_by_test_id("you")


def hint(tab: Tab) -> Locator:
    return tab.page.get_by_test_id("hint")


async def unplug(tab: Tab, refusal: str | None = None) -> None:
    """The microphone in use. `refusal`: the browser's answer to requests for another one."""
    await tab.page.evaluate("refusal => { window.refusal = refusal }", refusal)
    await tab.page.evaluate(UNPLUG)


async def live_tracks(tab: Tab) -> list[bool]:
    found = await tab.page.evaluate("window.tracks.map((track) => track.readyState === 'live')")
    assert isinstance(found, list)
    return found


async def test_the_default_microphone_is_unplugged_and_another_one_is_used(browser: Browser) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        await tab.connect()
        await expect(you(tab)).to_have_text("Moshi hears you")
        await unplug(tab)
        await expect(hint(tab)).to_have_text(f"{REPLACED} microphone-replaced")
        await expect(you(tab)).to_have_text("Moshi hears you")
        assert await live_tracks(tab) == [False, True]
        assert (await tab.page.evaluate("window.alerts")).count(REPLACED) >= 1
        assert len(tab.moshi.conversations) == 1


async def test_a_headset_that_takes_calls_by_another_sample_rate_keeps_its_pitch(
    browser: Browser, tmp_path: Path
) -> None:
    """As Bluetooth does it: a call ends the profile of 48 kHz, and the microphone comes back with 16 kHz."""
    stream = bytearray()

    async def listen(conversation: ServerConnection) -> None:
        async for message in conversation:
            if isinstance(message, bytes) and message[0] == AUDIO:
                stream.extend(message[1:])

    async with opened(browser, chat=listen, scripts=[WATCH]) as tab:
        await tab.connect()
        await expect(you(tab)).to_have_text("Moshi hears you")
        await tab.page.evaluate(HEADSET)
        await unplug(tab)
        await expect(hint(tab)).to_contain_text(REPLACED)
        await tab.page.wait_for_timeout(2500)
        assert len(tab.moshi.conversations) == 1
    heard = tmp_path / "heard.ogg"
    heard.write_bytes(stream)
    samples, rate = sphn.read_opus(heard)
    last_second = samples[0, -rate:]
    loudest = np.abs(np.fft.rfft(last_second * np.hanning(rate))).argmax()
    assert abs(int(loudest) - TONE_HZ) <= 3


async def test_muted_the_next_microphone_is_muted_too(browser: Browser) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        await tab.connect()
        await tab.button("Mute").click()
        await unplug(tab)
        await expect(hint(tab)).to_have_text(f"{REPLACED} microphone-replaced")
        await expect(you(tab)).to_have_text("You speak, but you are muted")
        await expect(tab.page.get_by_test_id("moshi")).to_have_text("Listening to you")  # it gives back what it hears
        await tab.button("Unmute").click()
        await expect(you(tab)).to_have_text("Moshi hears you")


async def test_push_to_talk_works_with_the_next_microphone(browser: Browser) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Push to talk").click()
        await tab.button("Close").click()
        await tab.connect()
        await unplug(tab)
        await expect(hint(tab)).to_have_text(f"{REPLACED} microphone-replaced")
        await expect(you(tab)).to_have_text(re.compile("muted", re.IGNORECASE))
        await tab.page.keyboard.down(" ")
        await expect(you(tab)).to_have_text("Moshi hears you")
        await tab.page.keyboard.up(" ")
        await expect(you(tab)).to_have_text(re.compile("muted", re.IGNORECASE))


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ("NotFoundError", "No microphone is left, so Moshi hears silence."),
        ("NotAllowedError", "The browser no longer allows the microphone, so Moshi hears silence."),
        ("NotReadableError", "The microphone stopped, so Moshi hears silence."),
    ],
)
async def test_without_a_microphone_the_call_goes_on_until_one_is_plugged_in(
    browser: Browser, refusal: str, says: str
) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        await tab.connect()
        await expect(you(tab)).to_have_text("Moshi hears you")
        await unplug(tab, refusal)
        await expect(hint(tab)).to_contain_text(says)
        await expect(you(tab)).to_have_text("No microphone")
        await expect(tab.state).to_contain_text("Live")
        sent = (await tab.stats())["audioMessagesOut"]
        await tab.page.wait_for_timeout(1000)
        assert (await tab.stats())["audioMessagesOut"] > sent  # silence, which keeps the conversation's time
        await tab.look(f"no-microphone-{refusal}", "live")

        await tab.page.evaluate(PLUG_IN)
        await expect(you(tab)).to_have_text("Moshi hears you")
        await expect(hint(tab)).not_to_contain_text("silence")
        assert await live_tracks(tab) == [False, True]
        assert len(tab.moshi.conversations) == 1


async def test_permission_that_is_given_again_opens_the_microphone(browser: Browser) -> None:
    """In these tests Chromium always allows the microphone, so they fire the event of the permission as well."""
    async with opened(browser, chat=speak, scripts=[WATCH, KEEP_PERMISSION]) as tab:
        await tab.connect()
        await expect(you(tab)).to_have_text("Moshi hears you")
        await unplug(tab, "NotAllowedError")
        await expect(hint(tab)).to_contain_text("The browser no longer allows the microphone")
        await tab.page.evaluate("() => { window.refusal = null }")
        await tab.page.evaluate("() => { window.permission.dispatchEvent(new Event('change')) }")
        await expect(you(tab)).to_have_text("Moshi hears you")
        assert await live_tracks(tab) == [False, True]


async def test_a_microphone_that_ends_before_the_call_is_replaced(browser: Browser) -> None:
    """While the model starts, nobody listens to the track's events."""
    async with opened(browser, chat=speak, scripts=[WATCH]) as tab:
        tab.moshi.health = Health("starting", "load", 0.5, "7 of 16 GB")
        await wait_for_config(tab, lambda config: config["moshi"]["health"]["status"] == "starting")
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("The model is starting")
        await tab.page.evaluate(UNPLUG)
        tab.moshi.health = READY
        await expect(you(tab)).to_have_text("Moshi hears you")
        assert await live_tracks(tab) == [False, True]
