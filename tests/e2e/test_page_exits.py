"""However a call ends, or fails to begin, the browser's microphone and sound are let go of. It never waits for ever.

Faults are put into the browser before the page loads. Chromium then says whether a track is live and a context runs.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.server import ServerConnection

from moshi_service.health import Health
from moshi_service.protocol.events import QueueEvent
from support.browser import PATIENCE_MS
from support.fake_moshi import Script, greet
from support.tab import UNANSWERED, Tab, opened, speak, wait_for_config

pytestmark = pytest.mark.anyio

LIMIT_MS = 31_000
"""Longer than the page waits for any step of the browser."""

WATCH = """
window.opened = { tracks: [], contexts: [] };
{
  const devices = navigator.mediaDevices;
  const request = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await request(wanted);
    window.opened.tracks.push(...stream.getTracks());
    return stream;
  };
  window.AudioContext = class extends AudioContext {
    constructor(...given) {
      super(...given);
      window.opened.contexts.push(this);
    }
  };
}
"""
# A fault sets `window.reached` when the page waits for it. Only then do the clock or the person go on.
NEVER = "(setTimeout(() => { window.reached = true; }), new Promise(() => undefined))"
# The browser asks, and the person answers by window.allow(). It is reached once the page knows whether it may.
ASK = """
{
  const request = navigator.mediaDevices.getUserMedia;
  const query = navigator.permissions.query.bind(navigator.permissions);
  const answered = new Promise((resolve) => { window.allow = resolve; });
  let asked = false;
  navigator.mediaDevices.getUserMedia = async (wanted) => { asked = true; await answered; return request(wanted); };
  navigator.permissions.query = async (wanted) => {
    const status = await query(wanted);
    if (asked) setTimeout(() => { window.reached = true; });
    return status;
  };
}
"""
ASK_THE_SECOND_TIME = """
{
  const request = navigator.mediaDevices.getUserMedia;
  const answered = new Promise((resolve) => { window.allow = resolve; });
  let times = 0;
  navigator.mediaDevices.getUserMedia = async (wanted) => { if (times++) await answered; return request(wanted); };
}
"""
REFUSE = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };"
BROKEN = "throw new DOMException('broken', 'NotSupportedError');"
SECOND_SOURCE_BREAKS = f"""
{{
  const make = AudioContext.prototype.createMediaStreamSource;
  let times = 0;
  AudioContext.prototype.createMediaStreamSource = function (stream) {{
    if (times++) {BROKEN}
    return make.call(this, stream);
  }};
}}
"""
WORKER_THAT_BEGINS_ONLY = """
window.Worker = class {
  constructor() {
    setTimeout(() => {
      this.onmessage({ data: { type: "started" } });
      setTimeout(() => { window.reached = true; });
    }, 100);
  }
  postMessage() {}
  terminate() {}
};
"""
CONFIG_IS_SILENT = f"""
{{
  const ask = window.fetch;
  window.fetch = (...given) => (window.silent ? {NEVER} : ask(...given));
}}
"""


async def held(tab: Tab) -> list[str]:
    """What the page has of the browser."""
    found = await tab.page.evaluate(
        """() => [
          ...window.opened.tracks.filter((track) => track.readyState === "live").map(() => "a microphone"),
          ...window.opened.contexts.filter((context) => context.state !== "closed").map(() => "a context"),
        ]"""
    )
    assert isinstance(found, list)
    return found


async def wait_until_held(tab: Tab, *expected: str) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (found := await held(tab)) != list(expected):
        assert time.monotonic() < deadline, f"the page holds {found}"
        await tab.page.wait_for_timeout(50)


Steps = Callable[[Tab], Awaitable[None]]


async def connect(tab: Tab) -> None:
    await tab.button("Connect").click()


async def live(tab: Tab) -> None:
    await tab.connect()
    assert await held(tab) == ["a microphone", "a context"]


async def reach_the_fault(tab: Tab) -> None:
    await tab.page.wait_for_function("() => window.reached")


async def cancel(tab: Tab) -> None:
    await connect(tab)
    await reach_the_fault(tab)
    await tab.button("Cancel").click()


async def cancel_then_allow(tab: Tab) -> None:
    await cancel(tab)
    await allow(tab)


async def allow(tab: Tab) -> None:
    count = await tab.page.evaluate("window.opened.tracks.length")
    await tab.page.evaluate("window.allow()")
    await tab.page.wait_for_function("count => window.opened.tracks.length > count", arg=count)


async def wait_too_long(tab: Tab) -> None:
    await tab.page.clock.install()
    await connect(tab)
    await reach_the_fault(tab)
    await tab.page.clock.fast_forward(LIMIT_MS)


async def wait_too_long_then_allow(tab: Tab) -> None:
    await tab.page.context.grant_permissions(["microphone"])
    await wait_too_long(tab)
    await expect(tab.state).to_contain_text("That did not work")
    await allow(tab)


async def hang_up(tab: Tab) -> None:
    await live(tab)
    await tab.button("Hang up").click()


async def ended_by_the_service(tab: Tab) -> None:
    await live(tab)
    await (await tab.moshi.conversation()).close(1000, "over")


async def lost(tab: Tab) -> None:
    await live(tab)
    await (await tab.moshi.conversation()).close(1012, "restarted; Retry-After: 20")
    await expect(tab.state).to_contain_text("Connection lost")


async def leave_the_page(tab: Tab) -> None:
    await tab.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")


async def live_then_leave(tab: Tab) -> None:
    await live(tab)
    await leave_the_page(tab)


async def leave_then_allow(tab: Tab) -> None:
    await connect(tab)
    await leave_the_page(tab)
    await allow(tab)


async def cancel_in_the_queue(tab: Tab) -> None:
    await connect(tab)
    await expect(tab.state).to_contain_text("Number 3")
    await tab.button("Cancel").click()


async def silent_config(tab: Tab, then: Steps) -> None:
    await tab.page.evaluate("window.silent = true")
    await then(tab)


async def cancel_before_the_config(tab: Tab) -> None:
    await silent_config(tab, cancel)


async def wait_for_the_config(tab: Tab) -> None:
    await silent_config(tab, wait_too_long)


async def model_fails(tab: Tab) -> None:
    tab.moshi.health = Health("failed", "load", None, "no space left")
    await wait_for_config(tab, lambda config: config["moshi"]["health"]["status"] == "failed")
    await connect(tab)


async def choose_another_microphone(tab: Tab) -> None:
    await tab.button("Settings").click()
    chosen = tab.page.get_by_label("Microphone", exact=True)
    await expect(chosen.locator("option", has_text="Fake Audio Input 2")).to_have_count(1)
    await chosen.select_option(label="Fake Audio Input 2")


async def change_the_microphone(tab: Tab) -> None:
    await live(tab)
    await choose_another_microphone(tab)
    await tab.page.wait_for_function("() => window.opened.tracks.length === 2")
    await wait_until_held(tab, "a microphone", "a context")
    assert await tab.page.evaluate("window.opened.tracks.map((track) => track.readyState)") == ["ended", "live"]
    await tab.button("Close").click()
    await tab.button("Hang up").click()


async def change_to_a_microphone_that_breaks(tab: Tab) -> None:
    await live(tab)
    await choose_another_microphone(tab)
    await expect(tab.page.get_by_role("dialog")).to_contain_text("That device could not be opened")
    assert await tab.page.evaluate("window.opened.tracks.map((track) => track.readyState)") == ["live", "ended"]
    await tab.button("Close").click()
    await tab.button("Hang up").click()


async def hang_up_while_another_microphone_is_asked_for(tab: Tab) -> None:
    await live(tab)
    await choose_another_microphone(tab)
    await tab.button("Close").click()
    await tab.button("Hang up").click()
    await allow(tab)


async def hang_up_after_the_microphone_was_unplugged(tab: Tab) -> None:
    await tab.page.evaluate("localStorage.setItem('scenario6.microphone', JSON.stringify('gone'))")
    await tab.page.reload()
    await live(tab)  # "gone" is not there: the second request is for the system's own
    await tab.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    await tab.page.wait_for_timeout(300)
    await tab.button("Hang up").click()
    await tab.page.evaluate("window.allow?.()")
    await tab.page.wait_for_timeout(300)


async def queue(conversation: ServerConnection) -> None:
    await conversation.send(QueueEvent(position=3, wait_seconds=95).message())
    await conversation.wait_closed()


def override(name: str, body: str) -> str:
    return f"{name} = function () {{ {body} }};"


def never(name: str) -> str:
    return override(name, f"return {NEVER};")


def rejects(name: str) -> str:
    return override(name, "return Promise.reject(new DOMException('broken', 'NotSupportedError'));")


RESUME = "AudioContext.prototype.resume"
# The page calls it in the click, and waits for it when the code is loaded.
RESUME_NEVER = f"""
{{
  let times = 0;
  {RESUME} = () => (++times === 1 ? new Promise(() => undefined) : {NEVER});
}}
"""
ADD_MODULE = "AudioWorklet.prototype.addModule"
SOURCE = "AudioContext.prototype.createMediaStreamSource"


@dataclass(frozen=True)
class Exit:
    name: str
    steps: Steps
    says: str
    fault: str = ""
    greet: Script = greet


EXITS = [
    Exit("the person hangs up", hang_up, "You hung up"),
    Exit("the service ends it", ended_by_the_service, "Ended after"),
    Exit("the connection is lost", lost, "Connection lost"),
    Exit("the page is left in a conversation", live_then_leave, "You left this page, which ended the conversation"),
    Exit("the page is left while the browser asks", leave_then_allow, "You left this page before", ASK),
    Exit("cancelled while the browser asks", cancel_then_allow, "Ready", ASK),
    Exit("cancelled while the model is looked for", cancel_before_the_config, "Ready", CONFIG_IS_SILENT),
    Exit("cancelled while the sound starts", cancel, "Ready", RESUME_NEVER),
    Exit("cancelled while the code loads", cancel, "Ready", never(ADD_MODULE)),
    Exit("cancelled while the codec loads", cancel, "Ready", WORKER_THAT_BEGINS_ONLY),
    Exit("cancelled in the queue", cancel_in_the_queue, "Ready", greet=queue),
    Exit("the microphone is refused", connect, "Allow it beside the address bar", REFUSE),
    Exit("the microphone does not start", wait_too_long_then_allow, "The microphone does not start", ASK),
    Exit("the service does not answer", wait_for_the_config, "The service does not answer", CONFIG_IS_SILENT),
    Exit("the model failed", model_fails, "no space left"),
    Exit("no sound output", connect, "The sound output does not start", override("window.AudioContext", BROKEN)),
    Exit("the sound never starts", wait_too_long, "The sound output does not start", RESUME_NEVER),
    Exit("the sound is refused", connect, "The sound output does not start", rejects(RESUME)),
    Exit("the microphone is not taken", connect, "could not load the audio code", override(SOURCE, BROKEN)),
    Exit("the code never loads", wait_too_long, "The audio code did not load", never(ADD_MODULE)),
    Exit("the code is refused", connect, "The audio code did not load", rejects(ADD_MODULE)),
    Exit("no worklet", connect, "could not load the audio code", override("window.AudioWorkletNode", BROKEN)),
    Exit("no worker", connect, "The audio worker did not start", override("window.Worker", BROKEN)),
    Exit(
        "the worker never starts",
        wait_too_long,
        "The audio worker did not start",
        f"window.Worker = class {{ constructor() {{ void {NEVER}; }} postMessage() {{}} terminate() {{}} }};",
    ),
    Exit("the codec never loads", wait_too_long, "The audio codec did not load", WORKER_THAT_BEGINS_ONLY),
    Exit("another microphone is chosen", change_the_microphone, "You hung up"),
    Exit("another microphone breaks", change_to_a_microphone_that_breaks, "You hung up", SECOND_SOURCE_BREAKS),
    Exit(
        "another microphone is still asked for",
        hang_up_while_another_microphone_is_asked_for,
        "You hung up",
        ASK_THE_SECOND_TIME,
    ),
    Exit("the microphone was unplugged", hang_up_after_the_microphone_was_unplugged, "You hung up"),
]


@pytest.mark.parametrize("way", EXITS, ids=[one.name for one in EXITS])
async def test_every_exit_stops_the_microphone_and_closes_the_sound(browser: Browser, way: Exit) -> None:
    async with opened(browser, greet=way.greet, chat=speak, scripts=[WATCH, way.fault]) as tab:
        await way.steps(tab)
        await expect(tab.state).to_contain_text(way.says)
        await wait_until_held(tab)


PATIENT = {
    "permissions are not told": (never("Permissions.prototype.query"), "Speak whenever you like"),
    "devices are not listed": (never("MediaDevices.prototype.enumerateDevices"), "does not list its microphones"),
    "the chosen speaker does not answer": (
        never("AudioContext.prototype.setSinkId") + "localStorage.setItem('scenario6.speaker', '\"loud\"');",
        "speaker does not answer",
    ),
}


@pytest.mark.parametrize(("fault", "says"), PATIENT.values(), ids=PATIENT)
async def test_a_conversation_begins_without_an_answer_that_it_does_not_need(
    browser: Browser, fault: str, says: str
) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH, fault]) as tab:
        await tab.page.clock.install()
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        await tab.page.clock.fast_forward(LIMIT_MS)
        await expect(tab.page.locator("main")).to_contain_text(says)
        assert await held(tab) == ["a microphone", "a context"]


async def test_a_person_may_take_any_time_to_allow_the_microphone(browser: Browser) -> None:
    async with opened(browser, chat=speak, scripts=[WATCH, ASK, UNANSWERED]) as tab:
        await tab.page.clock.install()
        await connect(tab)
        await tab.page.clock.fast_forward(10 * LIMIT_MS)
        await expect(tab.state).to_contain_text("May Moshi hear you?")
        await allow(tab)
        await expect(tab.button("Hang up")).to_be_visible()


def test_the_exits_have_names_of_their_own() -> None:
    names: list[Any] = [one.name for one in EXITS]
    assert len(set(names)) == len(names)
