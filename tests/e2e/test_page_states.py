"""Every state of the page, in a real browser against a fake moshi: what it says, whether everybody can use it, how it
looks. With KEEP_FOR_DOCS=1 pictures of all are in tests/artifacts/states, and those of docs/pictures are renewed.
"""

import asyncio
import json
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from playwright.async_api import Browser, expect
from websockets.asyncio.server import ServerConnection

from moshi_frontend.static import BUILT
from moshi_service.health import Health
from moshi_service.protocol.events import (
    EndEvent,
    PrefillEvent,
    QueueEvent,
    SessionEvent,
    SessionSettings,
    WarningEvent,
)
from moshi_service.protocol.info import Personas, PresetChoice, VoiceChoice
from moshi_service.protocol.wire import HANDSHAKE, text
from support.fake_moshi import FakeMoshi
from support.running_frontend import running_frontend
from support.tab import (
    SETTINGS,
    UNANSWERED,
    is_ready,
    opened,
    say_nothing,
    speak,
    tab_at,
    then,
    wait_for_config,
)

pytestmark = pytest.mark.anyio


async def test_idle(browser: Browser) -> None:
    async with opened(browser) as tab:
        await expect(tab.state).to_contain_text("Ready when you are")
        await expect(tab.page.get_by_text("it does not understand your words")).to_be_visible()
        await tab.look("idle", "idle")


async def test_the_way_to_a_phone(browser: Browser, tmp_path: Path) -> None:
    """With a certificate of the service's own it has a code, the authority and the steps."""
    async with opened(browser) as tab:
        await tab.page.get_by_text("Open on your phone").click()
        await expect(tab.page.get_by_text("open to this computer only")).to_be_visible()
        await expect(tab.page.get_by_role("link")).to_have_count(0)
    moshi = FakeMoshi()
    secure = {"tls": "auto", "state_dir": tmp_path, "allowed_hosts": ("talk.example", "*.talk.example")}
    async with moshi.running(), running_frontend(moshi.url, page=BUILT, **secure) as frontend:
        host = f"talk.example:{frontend.address.rpartition(':')[2]}"
        address, long_address = f"https://{host}/", f"https://{'a' * 63}.{host}/"
        async with tab_at(browser, address, moshi, ignore_https_errors=True) as tab:
            await expect(tab.state).to_contain_text("Ready when you are")
            await tab.page.get_by_text("Open on your phone").click()
            await expect(tab.page.get_by_role("link", name="Download the authority")).to_be_visible()
            code = tab.page.get_by_role("img", name=f"QR code of {address}")
            await code.scroll_into_view_if_needed()
            await tab.look("phone", "idle")
        async with tab_at(browser, long_address, moshi, ignore_https_errors=True) as tab:
            await tab.page.set_viewport_size({"width": 320, "height": 568})
            await tab.page.get_by_text("Open on your phone").click()
            await expect(tab.page.get_by_role("img", name=f"QR code of {long_address}")).to_be_visible()
            assert await tab.page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_an_insecure_address_without_a_secure_one_says_how_to_enable_it(browser: Browser) -> None:
    """The service serves plain HTTP, so the page offers no address that would not answer."""
    moshi = FakeMoshi()
    async with moshi.running(), running_frontend(moshi.url, page=BUILT, allowed_hosts=("talk.example",)) as frontend:
        port = frontend.address.rpartition(":")[2]
        async with tab_at(browser, f"http://talk.example:{port}/", moshi) as tab:
            await expect(tab.state).to_contain_text("not secure")
            await expect(tab.page.locator("main")).to_contain_text("FRONTEND_TLS=auto")
            await expect(tab.page.get_by_role("link")).to_have_count(0)
            await expect(tab.button("Connect")).to_have_count(0)
            await tab.look("insecure", "insecure")


async def test_an_insecure_address_offers_the_secure_one_that_is_served(browser: Browser) -> None:
    """As behind a proxy that serves HTTP and HTTPS: the operator has listed its origin."""
    moshi = FakeMoshi()
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("talk.example").configure_cert(tls)
    async with moshi.running(), asyncio.timeout(60):
        proxy = await asyncio.start_server(
            lambda reader, writer: to_http(reader, writer, port), "127.0.0.1", 0, ssl=tls
        )
        secure = f"https://talk.example:{proxy.sockets[0].getsockname()[1]}"
        async with proxy, running_frontend(moshi.url, page=BUILT, allowed_origins=(secure,)) as frontend:
            port = int(frontend.address.rpartition(":")[2])
            async with tab_at(
                browser, f"http://talk.example:{port}/?codec=wasm", moshi, ignore_https_errors=True
            ) as tab:
                link = tab.page.get_by_role("link", name=f"{secure}/?codec=wasm")
                await expect(tab.page.locator("main")).not_to_contain_text("FRONTEND_TLS")
                await tab.look("insecure-offered", "insecure")
                await link.click()
                await expect(tab.button("Connect")).to_be_visible()
                assert tab.page.url == f"{secure}/?codec=wasm"


async def to_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """A proxy that ends TLS."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)

    copying = [asyncio.create_task(copy(reader, to_writer)), asyncio.create_task(copy(to_reader, writer))]
    await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    for task in copying:
        task.cancel()
    for end in (writer, to_writer):
        end.close()
        with suppress(OSError):
            await end.wait_closed()
    await asyncio.gather(*copying, return_exceptions=True)


async def test_asking_for_the_microphone(browser: Browser) -> None:
    async with opened(browser, scripts=[UNANSWERED]) as tab:
        await tab.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}) }")
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("May Moshi hear you?")
        await tab.look("permission", "microphone")
        await tab.button("Cancel").click()
        await expect(tab.state).to_contain_text("Ready")


async def test_a_refused_microphone_says_how_to_allow_it(browser: Browser) -> None:
    async with opened(browser) as tab:
        await tab.page.evaluate(
            "() => { navigator.mediaDevices.getUserMedia ="
            " async () => { throw new DOMException('', 'NotAllowedError') } }"
        )
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Allow it beside the address bar")
        await tab.look("microphone-refused", "failed")


async def test_connecting(browser: Browser) -> None:
    async with opened(browser, greet=say_nothing) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Connecting")
        await tab.moshi.conversation()
        await tab.look("connecting", "connecting")


async def test_a_starting_model_shows_its_progress_and_is_then_connected_to(browser: Browser) -> None:
    async with opened(browser) as tab:
        tab.moshi.health = Health("starting", "download", 0.42, "6.3 of 15 GB")
        await wait_for_config(tab, lambda config: config["moshi"]["health"]["status"] == "starting")
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Downloading the model. 6.3 of 15 GB.")
        await expect(tab.page.get_by_role("progressbar")).to_have_attribute("value", "0.42")
        await tab.look("starting", "starting")
        tab.moshi.health = Health("ready", "ready", 1.0, "serving")
        await expect(tab.button("Hang up")).to_be_visible()


async def test_a_queue_shows_the_place_and_leads_on(browser: Browser) -> None:
    go_on = asyncio.Event()

    async def greet(conversation: ServerConnection) -> None:
        await conversation.send(QueueEvent(position=3, wait_seconds=95, longest_wait_seconds=1797).message())
        await go_on.wait()
        await conversation.send(QueueEvent(position=1, wait_seconds=None).message())
        await asyncio.sleep(1)
        await conversation.send(HANDSHAKE)

    async with opened(browser, greet=greet) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Number 3 in the queue")
        await expect(tab.page.get_by_text("About 2 min to go, 30 min at most.")).to_be_visible()
        await tab.look("queued", "queued")
        go_on.set()
        await expect(tab.state).to_contain_text("You are next")
        await expect(tab.state).to_contain_text("Live")


async def test_live(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        await expect(tab.page.get_by_test_id("moshi")).to_have_text("Speaking")
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm today")
        await tab.page.wait_for_timeout(3000)  # for a picture with something in it
        await tab.look("live", "live")
        await tab.page.locator("summary", has_text="Connection").click()
        await expect(tab.page.get_by_test_id("figures")).to_contain_text("c0ffee")
        await tab.page.get_by_test_id("figures").scroll_into_view_if_needed()
        await tab.look("details", "live")


async def test_muted_by_the_keyboard(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await tab.page.keyboard.press("m")
        await expect(tab.state).to_contain_text("Muted")
        await expect(tab.page.get_by_test_id("you")).to_have_text("You speak, but you are muted")
        await tab.look("muted", "live")
        await tab.button("Unmute").click()
        await expect(tab.state).to_contain_text("Live")


async def test_push_to_talk_with_the_space_bar(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.button("Settings").click()
        await tab.page.get_by_role("switch", name="Push to talk").check()
        await tab.page.keyboard.press("Escape")
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_contain_text("muted", ignore_case=True)
        await tab.page.keyboard.down(" ")
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")
        await tab.look("push-to-talk", "live")
        await tab.page.keyboard.up(" ")
        await expect(tab.button("Hold to talk")).to_be_visible()


async def test_interrupted_by_the_system_and_resumed(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        # What iOS does when a call comes in, asked of the browser from outside.
        await tab.page.evaluate(
            "() => { window.AudioContext = class extends AudioContext"
            " { constructor(...given) { super(...given); window.sound = this } } }"
        )
        await tab.connect()
        await tab.page.evaluate("window.sound.suspend()")
        await expect(tab.state).to_contain_text("Interrupted")
        await tab.look("interrupted", "live")
        await tab.button("Go on").click()
        await expect(tab.state).to_contain_text("Speak whenever you like")
        await expect(tab.page.get_by_test_id("you")).to_have_text("Moshi hears you")


async def test_a_microphone_without_sound_is_noticed(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.page.evaluate(
            "() => { navigator.mediaDevices.getUserMedia = async () =>"
            " new AudioContext().createMediaStreamDestination().stream }"
        )
        await tab.connect()
        await expect(tab.page.get_by_test_id("you")).to_have_text("No sound from the microphone")
        await tab.look("no-sound", "live")
        await tab.button("Choose another").click()
        await expect(tab.page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize(
    ("why", "words"), [("draining", "stops or restarts"), ("session", "nearly up"), ("idle", "No sound arrives")]
)
async def test_warned(browser: Browser, why: str, words: str) -> None:
    async with opened(browser, chat=then(WarningEvent(why=why, seconds=30).message())) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("warning")).to_contain_text(words)
        await expect(tab.page.get_by_test_id("warning")).to_contain_text(" in 2")
        await tab.look(f"warning-{why}", "live")


async def test_a_busy_service_is_asked_again(browser: Browser) -> None:
    async def refuse(conversation: ServerConnection) -> None:
        await conversation.close(1013, "full: every slot is in use (4); Retry-After: 20")

    async with opened(browser, greet=refuse) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("All places are taken")
        await expect(tab.state).to_contain_text("Full: every slot is in use (4).")
        await tab.look("busy", "busy")
        tab.moshi.greet = FakeMoshi().greet
        await tab.button("Try now").click()
        await expect(tab.state).to_contain_text("Live")


async def test_a_lost_conversation_is_begun_anew_and_says_so(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("The sea is calm")
        (await tab.moshi.conversation()).transport.abort()
        await expect(tab.page.get_by_text("Moshi does not remember")).to_be_visible()
        await expect(tab.state).to_contain_text("Live")
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("New conversation")
        assert len(tab.moshi.conversations) == 2
        await tab.look("live-again", "live")


async def test_between_two_conversations_it_says_what_is_lost(browser: Browser) -> None:
    async def lose(conversation: ServerConnection) -> None:
        await conversation.send(text(" Hello! I have been listening to you."))
        await asyncio.sleep(1)
        await conversation.close(1012, "the model was restarted; Retry-After: 20")

    async with opened(browser, chat=lose) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Connection lost")
        await expect(tab.state).to_contain_text("The model was restarted.")
        await expect(tab.state).to_contain_text("new conversation")
        await tab.look("reconnecting", "reconnecting")
        await tab.button("Cancel").click()
        await expect(tab.state).to_contain_text("Ready")


async def test_hung_up(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await tab.page.wait_for_timeout(1500)
        await tab.button("Hang up").click()
        await expect(tab.state).to_contain_text("Ended after")
        await expect(tab.state).to_contain_text("You hung up.")
        await expect(tab.button("Connect again")).to_be_focused()
        await tab.look("ended", "ended")


async def test_ended_by_the_service_with_its_reason(browser: Browser) -> None:
    async def end(conversation: ServerConnection) -> None:
        await conversation.send(EndEvent(code=1000, reason="the time for a conversation is over").message())
        await conversation.close(1000, "over")

    async with opened(browser, chat=end) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("The time for a conversation is over.")
        assert (await tab.stats())["state"] == "ended"


async def test_a_refused_setting_leads_to_the_settings(browser: Browser) -> None:
    async def refuse(conversation: ServerConnection) -> None:
        await conversation.close(4001, "seed='7': takes a whole number from 0 to 5")

    async with opened(browser, greet=refuse) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("takes a whole number from 0 to 5")
        await tab.look("refused-setting", "failed")
        await tab.button("Open settings").click()
        await expect(tab.page.get_by_role("dialog")).to_be_visible()


async def test_a_failed_model_says_why(browser: Browser) -> None:
    async with opened(browser) as tab:
        tab.moshi.health = Health("failed", "load", None, "no space left on device", "cache-unwritable")
        await wait_for_config(tab, lambda config: config["moshi"]["health"]["status"] == "failed")
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("no space left on device")
        await expect(tab.state.get_by_test_id("code")).to_have_text("cache-unwritable")


async def test_settings_are_those_that_are_advertised_and_reach_the_service(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.button("Settings").click()
        dialog = tab.page.get_by_role("dialog")
        advanced = dialog.get_by_text("Advanced", exact=True)
        temperature = dialog.get_by_label("Audio temperature")
        await expect(temperature).to_be_hidden()
        await advanced.click()
        await expect(dialog.get_by_label("Text top-k")).to_have_count(0)
        await temperature.press_sequentially("3")
        await expect(dialog.get_by_text("Takes a number from 0 to 2.")).to_be_visible()
        await tab.look("settings", "idle")
        await temperature.press("Backspace")
        await temperature.press_sequentially("0.5")
        await dialog.get_by_label("Seed").press_sequentially("7")
        await tab.page.keyboard.press("Escape")
        await expect(tab.button("Settings")).to_be_focused()
        await tab.connect()
        request = (await tab.moshi.conversation()).request
        assert request is not None
        assert request.path == "/api/chat?protocol=2&audio_temperature=0.5&seed=7"
        await tab.page.reload()
        await tab.page.keyboard.press("s")
        await expect(temperature).to_have_value("0.5")
        await tab.button("Back to the defaults").click()
        await expect(temperature).to_have_value("")
        await tab.button("Close").click()
        await tab.connect()
        request = (await tab.moshi.conversation(1)).request
        assert request is not None
        assert request.path == "/api/chat?protocol=2"


PERSONAS = Personas(
    voices=[VoiceChoice(id="NATF0", seconds=4.0), VoiceChoice(id="NATM1", seconds=4.0)],
    default_voice="NATF0",
    text_prompt="free",
    presets=[PresetChoice(id="guide", name="Museum guide", text="You are a guide.", tokens=9)],
    max_characters=800,
    max_tokens=200,
)


async def test_a_voice_and_a_role_are_picked_prepared_shown_and_remembered(browser: Browser) -> None:
    go_on = asyncio.Event()

    async def greet(conversation: ServerConnection) -> None:
        await conversation.send(PrefillEvent(done=64, total=160, seconds=6.4).message())
        await go_on.wait()
        settings: SessionSettings = {**SETTINGS, "voice_prompt": "NATM1", "text_prompt": "You are a guide."}
        await conversation.send(SessionEvent(id="c0ffee", settings=settings).message())
        await conversation.send(HANDSHAKE)

    async with opened(browser, greet=greet) as tab:
        await expect(tab.page.get_by_label("Voice", exact=True)).to_have_count(0)
        tab.moshi.personas = PERSONAS
        await wait_for_config(tab, lambda config: config["moshi"]["info"]["personas"] is not None)
        await tab.page.reload()
        await tab.page.get_by_label("Voice", exact=True).select_option("NATM1")
        await tab.page.get_by_label("Role").select_option("Write your own")
        await tab.page.get_by_label("What Moshi should be").press_sequentially("You teach chess & other games.")
        await expect(tab.page.get_by_text("Takes about 8 of 200 tokens")).to_be_visible()
        await tab.look("persona", "idle")
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Getting into the role")
        await expect(tab.page.get_by_role("progressbar")).to_have_attribute("max", "160")
        await expect(tab.page.get_by_text("7 s", exact=True)).to_be_visible()
        await expect(tab.page.get_by_text("Not heard yet")).to_be_visible()
        await tab.look("prefill", "prefill")
        request = (await tab.moshi.conversation()).request
        assert request is not None
        chosen = "voice_prompt=NATM1&text_prompt=You+teach+chess+%26+other+games."
        assert request.path == f"/api/chat?protocol=2&{chosen}"
        go_on.set()
        company = tab.page.get_by_test_id("company")
        await expect(company).to_contain_text("Voice NATM1")
        await expect(company).to_contain_text("Museum guide")
        await tab.look("live-persona", "live")
        await tab.button("Hang up").click()
        await tab.page.reload()
        await expect(tab.page.get_by_label("Voice", exact=True)).to_have_value("NATM1")
        await expect(tab.page.get_by_label("What Moshi should be")).to_have_value("You teach chess & other games.")


async def test_who_hangs_up_while_its_voice_is_prepared_is_gone(browser: Browser) -> None:
    async def greet(conversation: ServerConnection) -> None:
        await conversation.send(PrefillEvent(done=0, total=160, seconds=None).message())
        await conversation.wait_closed()

    async with opened(browser, greet=greet) as tab:
        await tab.button("Connect").click()
        await expect(tab.state).to_contain_text("Getting into the role")
        await tab.button("Cancel").click()
        await expect(tab.state).to_contain_text("Ready when you are")
        async with asyncio.timeout(5):
            await (await tab.moshi.conversation()).wait_closed()


async def test_the_theme_is_remembered(browser: Browser) -> None:
    async with opened(browser) as tab:
        await tab.page.emulate_media(color_scheme="light")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await tab.page.evaluate(ground)
        await tab.button("Settings").click()
        await tab.page.get_by_label("Colours").select_option("dark")
        dark = await tab.page.evaluate(ground)
        assert dark != light
        await tab.page.reload()
        assert await tab.page.evaluate(ground) == dark


async def test_the_transcript_is_saved_as_text_json_and_subtitles(browser: Browser, tmp_path: Path) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("from the west")
        await tab.button("Hang up").click()
        save = tab.page.get_by_text("Save", exact=True)
        await save.click()
        await tab.look("save", "ended")
        saved = {}
        for kind in ("text", "JSON", "subtitles (VTT)"):
            if not await tab.button(f"Transcript as {kind}").is_visible():
                await save.click()
            async with tab.page.expect_download() as download:
                await tab.button(f"Transcript as {kind}").click()
            file = await download.value
            path = tmp_path / file.suggested_filename
            await file.save_as(path)
            saved[path.suffix] = path.read_text()
        assert "Moshi: Hello!" in saved[".txt"]
        spoken = json.loads(saved[".json"])
        assert spoken["session"] == {"id": "c0ffee", "settings": SETTINGS}
        assert "from the west." in " ".join(line["text"] for line in spoken["lines"])
        assert saved[".vtt"].startswith("WEBVTT\n")
        assert "--> 00:00:0" in saved[".vtt"]


async def test_the_save_menu_closes_like_a_menu(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.connect()
        await expect(tab.page.get_by_test_id("captions")).to_contain_text("from the west")
        save = tab.page.get_by_text("Save", exact=True)
        entry = tab.button("Transcript as text")
        await save.click()
        await expect(entry).to_be_visible()
        await tab.page.locator("h1").click()
        await expect(entry).to_have_count(0)
        await save.click()
        await tab.button("Settings").focus()
        await tab.page.keyboard.press("Escape")
        await expect(entry).to_have_count(0)
        await expect(tab.button("Settings")).to_be_focused()
        await save.focus()
        await tab.page.keyboard.press("Enter")
        await expect(entry).to_be_visible()
        await tab.page.keyboard.press("Tab")
        await expect(entry).to_be_focused()
        await tab.page.keyboard.press("Escape")
        await expect(tab.page.locator("summary", has_text="Save")).to_be_focused()


async def test_the_figures_are_copied_on_an_insecure_page_too(browser: Browser) -> None:
    moshi = FakeMoshi()
    async with moshi.running(), running_frontend(moshi.url, page=BUILT, allowed_hosts=("talk.example",)) as frontend:
        port = frontend.address.rpartition(":")[2]
        for host in ("talk.example", "localhost"):
            async with tab_at(browser, f"http://{host}:{port}/", moshi) as tab:
                await tab.page.locator("summary", has_text="Connection").click()
                await tab.button("Copy").click()
                await expect(tab.button("Copied")).to_be_visible()
                assert tab.complaints == []
                # Into a field of the test's own, as a person pastes it into a mail.
                await tab.page.evaluate("() => document.body.append(document.createElement('textarea'))")
                await tab.page.locator("textarea").focus()
                await tab.page.keyboard.press("Control+v")
                assert "Round trip: " in await tab.page.locator("textarea").input_value()


async def test_a_speaker_is_chosen_as_firefox_does_it(browser: Browser) -> None:
    async with opened(browser, chat=speak) as tab:
        await tab.page.add_init_script(
            """delete AudioContext.prototype.setSinkId;
            window.sinks = [];
            HTMLMediaElement.prototype.setSinkId = async function (id) { window.sinks.push(id) };
            navigator.mediaDevices.selectAudioOutput = async () =>
              (await navigator.mediaDevices.enumerateDevices()).findLast(({ kind }) => kind === "audiooutput");"""
        )
        await tab.page.reload()
        await tab.connect()
        await tab.button("Settings").click()
        await tab.button("Choose a speaker").click()
        chosen = tab.page.get_by_label("Speaker", exact=True)
        await expect(chosen).not_to_have_value("")
        assert await tab.page.evaluate("sinks") == [await chosen.input_value()]
        before = (await tab.stats())["playedSeconds"]
        await tab.page.wait_for_timeout(1000)
        assert (await tab.stats())["playedSeconds"] > before
        await chosen.select_option("System default")
        await tab.page.wait_for_timeout(500)
        assert len(await tab.page.evaluate("sinks")) == 1


async def test_an_untrusted_moshi_port_is_explained_and_connected_to_once_it_is_accepted(
    browser: Browser, tmp_path: Path
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    moshi = FakeMoshi(chat=speak)
    direct: dict[str, object] = {"moshi_mode": "direct", "moshi_ca": tmp_path / "ca.pem"}
    async with moshi.running(tls), running_frontend(moshi.url, page=BUILT, **direct) as frontend:
        await frontend.config(until=is_ready)
        async with tab_at(browser, f"http://localhost:{frontend.address.rpartition(':')[2]}/", moshi) as tab:
            await tab.button("Connect").click()
            await expect(tab.state).to_contain_text("Certificate not accepted")
            link = tab.page.get_by_role("link", name="Open the model")
            await expect(link).to_have_attribute("href", f"{moshi.url}/alive")
            await tab.look("untrusted", "untrusted")
            # What a person does on the browser's warning page.
            devtools = await tab.page.context.new_cdp_session(tab.page)
            await devtools.send("Security.setIgnoreCertificateErrors", {"ignore": True})
            await expect(tab.button("Hang up")).to_be_visible(timeout=10_000)
