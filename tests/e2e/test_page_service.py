"""What the page makes of the service behind it: before a call, in the queue, and when the sound breaks up."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.server import ServerConnection

from moshi_frontend.static import BUILT
from moshi_service.health import Health, ObservedHealth
from moshi_service.protocol.events import QueueEvent, StatsEvent
from moshi_service.protocol.info import Slots
from moshi_service.protocol.wire import HANDSHAKE
from support.fake_moshi import FakeMoshi
from support.running_frontend import running_frontend
from support.tab import opened, speak, tab_at

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

LOOK_MS = 20_000
"""The page looks every 5 s while the service is ready, and the frontend looks at moshi every second or so."""


async def test_an_idle_page_follows_the_service(browser: Browser) -> None:
    async with opened(browser) as tab:
        await expect(tab.state).to_contain_text("Ready when you are", timeout=LOOK_MS)
        tab.moshi.health = Health("starting", "download", 0.42, "6.3 of 15 GB")
        await expect(tab.state).to_contain_text("Downloading the model. 6.3 of 15 GB.", timeout=LOOK_MS)
        await expect(tab.page.get_by_role("progressbar")).to_have_attribute("value", "0.42")
        await expect(tab.state).not_to_contain_text("Ready")
        await tab.look("idle-starting", "idle")
        detail = "/srv/models/mine holds no config.json"
        tab.moshi.health = Health("failed", "load", None, detail)
        await expect(tab.state).to_contain_text("The model does not run", timeout=LOOK_MS)
        await expect(tab.state).to_contain_text(": mine holds no config.json", timeout=LOOK_MS)
        tab.moshi.health = Health("draining", "draining", None, "stopping")
        await expect(tab.state).to_contain_text("The model is shutting down", timeout=LOOK_MS)
        tab.moshi.health = Health("ready", "ready", 1.0, "serving")
        tab.moshi.slots = Slots(total=4, used=4)
        await expect(tab.state).to_contain_text("All places are taken", timeout=LOOK_MS)
        tab.moshi.slots = Slots(total=4, used=3)
        await expect(tab.state).to_contain_text("Ready when you are", timeout=LOOK_MS)


async def test_an_idle_page_notices_that_moshi_and_then_everything_is_gone(browser: Browser) -> None:
    moshi = FakeMoshi()
    async with (
        moshi.running(),
        running_frontend(moshi.url, page=BUILT) as frontend,
        tab_at(browser, f"http://{frontend.address}/", moshi) as tab,
    ):
        await expect(tab.state).to_contain_text("Ready when you are", timeout=LOOK_MS)
        await tab.page.route("**/api/config", lambda route: route.abort())
        await expect(tab.state).to_contain_text("The service does not answer", timeout=LOOK_MS)
        await tab.page.unroute("**/api/config")
        await expect(tab.state).to_contain_text("Ready when you are", timeout=LOOK_MS)
        moshi.health = ObservedHealth("unreachable", "", None, "")
        await expect(tab.state).to_contain_text("Waiting for the model", timeout=LOOK_MS)


# Stand-ins for what a headless browser cannot show: a person who is away, notifications, the sound of a turn.
AWAY = """
  window.shown = [];
  window.notes = 0;
  window.away = true;
  document.hasFocus = () => !window.away;
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (this.permission = "granted"); }
    constructor(title, { body }) { window.shown.push(`${title}: ${body}`); }
    close() { window.shown.push("closed"); }
  };
  window.OscillatorNode = class extends OscillatorNode {
    constructor(...given) { super(...given); window.notes++; }
  };
"""


async def test_whoever_waits_elsewhere_is_called_when_the_turn_comes(browser: Browser) -> None:
    go_on = asyncio.Event()

    async def greet(conversation: ServerConnection) -> None:
        await conversation.send(QueueEvent(position=2, wait_seconds=None, longest_wait_seconds=1797).message())
        await go_on.wait()
        await conversation.send(HANDSHAKE)

    async with opened(browser, greet=greet, chat=speak) as tab:
        await tab.page.add_init_script(AWAY)
        await tab.page.reload()
        await tab.button("Connect").click()
        await expect(tab.page.get_by_text("Up to 30 min to go, often less.")).to_be_visible()
        await expect(tab.page).to_have_title("(2) Talk to Moshi")
        await tab.look("queued-bound", "queued")
        await tab.button("Notify me").click()
        await expect(tab.button("Notify me")).to_have_count(0)
        go_on.set()
        await expect(tab.page).to_have_title("Your turn: Talk to Moshi")
        assert await tab.page.evaluate("shown") == ["Your turn: The microphone is live: Moshi hears you now."]
        assert await tab.page.evaluate("notes") == 2
        await tab.page.evaluate("() => { window.away = false; dispatchEvent(new Event('focus')) }")
        await expect(tab.page).to_have_title("Talk to Moshi")
        assert await tab.page.evaluate("shown.at(-1)") == "closed"


async def test_a_turn_without_a_wait_or_without_notifications_is_quiet(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.page.add_init_script(AWAY + "delete window.Notification;")
        await tab.page.reload()
        await tab.connect()
        await expect(tab.page).to_have_title("Talk to Moshi")
        assert await tab.page.evaluate("notes") == 0


async def gaps(conversation: ServerConnection) -> None:
    """Give back a second of speech, and then nothing for a second."""
    heard = 0
    async for message in conversation:
        heard += 1
        if message[0] != 1 or heard < 5 or heard % 100 < 50:
            await conversation.send(message)


async def test_broken_sound_is_blamed_on_the_connection_when_the_service_is_in_time(browser: Browser) -> None:
    async with opened(browser, chat=gaps) as tab:
        await tab.connect()
        hint = tab.page.get_by_test_id("hint")
        await expect(hint).to_contain_text("The connection is bad", timeout=30_000)
        await tab.look("bad-connection", "live")
        await expect(tab.page.get_by_test_id("delay")).to_have_text(re.compile(r"Delay [1-9]\d\d+ ms"))
        assert (await tab.stats())["underruns"] > 0


async def test_broken_sound_is_blamed_on_the_service_when_it_is_overloaded(browser: Browser) -> None:
    async def chat(conversation: ServerConnection) -> None:
        heard = 0
        async for message in conversation:
            heard += 1
            if heard % 50 == 0:
                stats = StatsEvent(step_ms=130, lag_ms=1800, backlog_frames=24, dropped_frames=heard // 10)
                await conversation.send(stats.message())
            if message[0] != 1 or heard < 5 or heard % 100 < 50:
                await conversation.send(message)

    async with opened(browser, chat=chat) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("hint")).to_contain_text("The service is overloaded", timeout=30_000)
        # 1800 ms of lag, and what every conversation has
        await expect(tab.page.get_by_test_id("delay")).to_have_text(re.compile(r"Delay (19|[2-9]\d)\d\d ms"))
        await tab.look("overloaded", "live")


async def test_a_connection_that_falls_silent_is_lost_and_begun_anew(browser: Browser) -> None:
    """After a sleep or a change of the network no socket closes: the page must notice that nothing comes any more."""

    async def fall_silent(conversation: ServerConnection) -> None:
        async for _ in conversation:
            pass

    async with opened(browser, chat=fall_silent) as tab:
        await tab.connect()
        tab.moshi.chat = speak
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm", timeout=60_000)
        await expect(tab.page.get_by_text("Moshi does not remember")).to_be_visible()
        assert len(tab.moshi.conversations) == 2
