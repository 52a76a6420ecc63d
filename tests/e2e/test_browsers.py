"""The page in each browser of Debian: a conversation with its controls, by real clicks and keys, into a real device.

Chromium is here too, so that the same steps are known to work where all other tests of the page run.
"""

import wave
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import sphn
from selenium.webdriver import Keys

from support.browser import speech
from support.engines import ENGINES, Engine
from support.sound import Room, room
from support.tab import speak
from support.visit import Visit, visit

pytestmark = pytest.mark.alone

ON_ONE_SCREEN = """(() => {
  scrollTo(0, 0);
  const box = (element) => element.getBoundingClientRect();
  const heading = box(document.querySelector("[data-testid=state] h2"));
  const buttons = [...document.querySelectorAll("[aria-label='Controls of the conversation'] button")].map(box);
  return (
    buttons.length === 2 &&
    heading.top >= 0 &&
    buttons.every(({ top, bottom }) => top >= heading.bottom && bottom <= innerHeight) &&
    document.documentElement.scrollWidth <= innerWidth
  );
})()"""
AUDIBLE = 0.005
"""Root mean square of a recording that has speech in it."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room(tmp_path_factory.mktemp("sound")) as made, made.speaking(speech(tmp_path_factory.mktemp("speech"))):
        yield made


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, sound: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param), sound) as engine:
        yield engine


def switch_on(tab: Visit, setting: str) -> None:
    tab.click("Settings")
    tab.switch_on(setting)
    tab.click("Close")


def test_a_person_tests_the_microphone_speaks_hears_moshi_and_reads_it(engine: Engine, sound: Room) -> None:
    with visit(engine, speak) as tab:
        tab.click("Test mic")
        tab.sees("you", "We can hear you")
        tab.connect()
        tab.sees("you", "Moshi hears you")
        tab.sees("moshi", "Speaking")
        tab.sees("captions", "The sea is calm today, and the wind comes from the west.")
        tab.wait(lambda: tab.stats()["playedSeconds"] > 2)
        _, ear = sound.record(2)
        assert np.sqrt((ear**2).mean()) > AUDIBLE, "nothing comes out of the speaker"
        tab.sees("delay", "Delay ")
        stats = tab.stats()
        assert stats["codec"] == "webcodecs"
        assert stats["droppedInputPackets"] == 0
        tab.click("Hang up")
        tab.sees("state", "You hung up")


def test_push_to_talk_by_key_and_by_button(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        switch_on(tab, "Push to talk")
        tab.connect()
        tab.sees("you", "You speak, but you are muted")
        with tab.key_held(" "):
            tab.sees("you", "Moshi hears you")
        tab.sees("you", "You speak, but you are muted")
        with tab.button_held("Hold to talk"):
            tab.sees("you", "Moshi hears you")
        tab.sees("you", "You speak, but you are muted")
        assert tab.stats()["state"] == "live"


def test_muted_moshi_hears_silence(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        tab.connect()
        tab.sees("moshi", "Speaking")
        tab.click("Mute")
        tab.sees("you", "You speak, but you are muted")
        tab.sees("moshi", "Listening to you")  # it gives back what it hears
        tab.type("m")
        tab.sees("you", "Moshi hears you")
        tab.sees("moshi", "Speaking")


def test_transcript_and_recording_are_saved(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        switch_on(tab, "Record both sides")
        tab.connect()
        tab.sees("captions", "from the west")
        tab.wait(lambda: tab.stats()["playedSeconds"] > 3)
        tab.click("Hang up")
        for name in ("Transcript as text", "Recording as WAV", "Recording as Opus"):
            tab.click("Save")
            tab.click(name)
        assert "Moshi: Hello!" in tab.saved(".txt").read_text()
        with wave.open(str(tab.saved(".wav"))) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
            plain = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).T / 32_768
        packed, _ = sphn.read_opus(tab.saved(".opus"))
        for sides in (plain, packed):
            assert sides.shape[0] == 2
            assert all(np.sqrt((side**2).mean()) > AUDIBLE for side in sides), "a side is silent"


def test_a_setting_is_sent_and_remembered(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        tab.type("s")
        tab.click("Advanced")
        tab.fill_in("Audio temperature", "0.5")
        tab.type(Keys.ESCAPE)
        tab.connect()
        request = tab.portal.call(tab.moshi.conversation).request
        assert request is not None
        assert request.path == "/api/chat?protocol=2&audio_temperature=0.5"
        tab.click("Hang up")
        tab.engine.driver.refresh()
        tab.wait(lambda: tab.evaluate("!!window.scenario6"))
        tab.type("s")
        tab.wait(lambda: tab.value("Audio temperature") == "0.5")


@pytest.mark.parametrize("engine", ["chromium", "firefox"], indirect=True)
def test_behind_another_tab_the_conversation_goes_on(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        tab.connect()
        tab.sees("you", "Moshi hears you")
        with tab.another_tab_in_front():
            before = tab.stats()
            tab.wait(lambda: tab.stats()["audioMessagesOut"] > before["audioMessagesOut"] + 150)  # 3 s
            assert tab.stats()["playedSeconds"] > before["playedSeconds"] + 2
            assert tab.stats()["droppedInputPackets"] == 0
        tab.sees("you", "Moshi hears you")
        assert len(tab.moshi.conversations) == 1


def test_a_lost_connection_comes_back_as_a_new_conversation(engine: Engine) -> None:
    with visit(engine, speak) as tab:
        tab.connect()
        tab.sees("you", "Moshi hears you")
        tab.portal.call(partial(tab.portal.call(tab.moshi.conversation).close, 1012, "restarted"))
        tab.wait(lambda: len(tab.moshi.conversations) == 2)
        tab.sees("state", "Live")
        tab.sees("hint", "Moshi does not remember")
        tab.sees("you", "Moshi hears you")
        tab.sees("moshi", "Speaking")


@pytest.mark.parametrize("engine", ["firefox"], indirect=True)
def test_state_and_main_control_share_one_screen_at_its_own_zoom(engine: Engine) -> None:
    """Firefox zooms by its own keys. Chromium takes them from no test, and test_page_layout.py imitates its zoom."""
    with visit(engine, speak) as tab, tab.zoomed_in() as zoom:
        for device_pixels in (2, 4):
            zoom(device_pixels)
            assert tab.evaluate(ON_ONE_SCREEN)
        tab.connect()
        tab.sees("captions", "from the west")
        assert tab.evaluate(ON_ONE_SCREEN)
