"""A conversation with the demo model as a person has it: `make run`, a browser, a voice in its microphone.

The page records both sides, and Whisper reads what it played. With KEEP_FOR_DOCS=1 the recording and a picture of the
page replace those in docs/.
"""

import json
import os
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sphn
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from demo_model.listening import heard, word_errors
from support.browser import ARTIFACTS, DOCS, KEEP, keep_picture, talking_browser
from support.services import free_port
from support.terminal import started

pytestmark = pytest.mark.alone

QUESTION, OBJECTION = "Hello, can you hear me?", "Wait, please. I would like to say something else now."
SAID = (6.5, QUESTION, 1.9, OBJECTION, 30.0)
"""The demo greets in the first pause. It begins to answer in the second one, and the objection interrupts it."""

OBJECTED_SECONDS = 12.5
"""From the start until the model is silent because of the objection."""

STOP_SECONDS = 1.5
"""From the user's voice to silence in the page. The model takes about 0.3 s of it; the rest is for slow machines."""

RIGHT_WORDS = 0.85
RATE = 24_000
BLOCK = RATE // 50
LOUD = 0.01
"""Root mean square of a block of 20 ms, -40 dBFS."""

MARGIN = 0.3
"""Seconds of silence before and after the kept recording."""


@dataclass(frozen=True)
class Talk:
    """One conversation. Times are in seconds of its recording."""

    you: NDArray[np.float32]
    moshi: NDArray[np.float32]
    """Both at 24 kHz."""
    lines: list[dict[str, Any]]
    """The transcript that the page saved."""
    captions: str
    """The transcript that the page showed."""
    question: tuple[float, float]
    objection: tuple[float, float]
    """Begin and end of each of the user's turns."""

    def played(self, begin: float, end: float) -> NDArray[np.float32]:
        return self.moshi[round(begin * RATE) : round(end * RATE)]

    def said(self, begin: float, end: float) -> str:
        """The captions of lines that begin between these times."""
        return " ".join(line["text"] for line in self.lines if begin <= line["start"] < end)

    @property
    def seconds(self) -> float:
        return len(self.moshi) / RATE


def loudness(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square of each block."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)))


def turns(samples: NDArray[np.float32], pause: float = 1.0) -> list[tuple[float, float]]:
    """Begin and end of speech, in seconds. Pauses of less than `pause` seconds are part of it."""
    found: list[tuple[float, float]] = []
    for index in np.flatnonzero(loudness(samples) > LOUD):
        begin, end = index * BLOCK / RATE, (index + 1) * BLOCK / RATE
        if found and begin - found[-1][1] < pause:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def save(page: Page, what: str, path: Path) -> Path:
    """Press a button of the menu *Save*."""
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=what).click()
    download.value.save_as(path)
    return path


def recorded(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """You and Moshi, at 24 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    sides = np.asarray(frames / 32_768, np.float32)
    return sides[:, 0], sides[:, 1]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    folder = tmp_path_factory.mktemp("demo")
    artifacts = ARTIFACTS / "demo"
    artifacts.mkdir(parents=True, exist_ok=True)
    ports = {"MOSHI_PORT": str(free_port()), "FRONTEND_PORT": str(free_port())}
    settings = {"MOSHI_STATE_DIR": str(folder), "FRONTEND_STATE_DIR": str(folder), **ports}
    with started("make run", settings, folder / "log") as address, talking_browser(folder, SAID) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("switch", name="Record both sides").click()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_test_id("state")).to_contain_text("Live", timeout=10_000)
        page.wait_for_timeout(OBJECTED_SECONDS * 1000)
        expect(page.get_by_test_id("moshi")).to_have_text("Speaking", timeout=10_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=artifacts / "conversation.png", full_page=True)
        expect(page.get_by_test_id("moshi")).to_have_text("Listening to you", timeout=15_000)
        page.wait_for_timeout(1000)  # the pause may have been between two sentences
        expect(page.get_by_test_id("moshi")).to_have_text("Listening to you", timeout=15_000)
        captions = page.get_by_test_id("captions").inner_text()
        page.get_by_role("button", name="Hang up").click()
        you, moshi = recorded(save(page, "Recording as WAV", artifacts / "conversation.wav"))
        lines = json.loads(save(page, "Transcript as JSON", artifacts / "conversation.json").read_text())["lines"]
    question, objection = turns(you)[:2]
    return Talk(you, moshi, lines, captions, question, objection)


def test_the_captions_are_what_whisper_hears_in_the_page(talk: Talk) -> None:
    greeted, answered = (0.0, talk.question[0]), (talk.objection[1], talk.seconds)
    errors = words = 0
    for begin, end in (greeted, answered):
        understood = heard(talk.played(begin, end))
        wrong, all_of_them = word_errors(talk.said(begin, end), understood)
        print(f"captions: {talk.said(begin, end)}\nWhisper:  {understood}\n{wrong} of {all_of_them} words are wrong")
        assert all_of_them >= 5
        errors, words = errors + wrong, words + all_of_them
    assert errors <= (1 - RIGHT_WORDS) * words
    assert [line["text"] for line in talk.lines if line["text"] not in talk.captions] == []


def test_it_answers_after_the_user_and_stops_when_the_user_interrupts(talk: Talk) -> None:
    begin, end = talk.objection
    answer = turns(talk.played(talk.question[1], begin))
    assert answer != []
    print(f"the answer begins {answer[0][0]:.2f} s after the voice ended")
    assert turns(talk.played(begin - 0.4, begin + MARGIN)) != [], "nothing was there to be interrupted"
    during = turns(talk.played(begin, end), pause=0.1)
    print(f"the model stops {during[-1][1] if during else 0:.2f} s after the interruption began")
    assert end - begin > STOP_SECONDS + 0.5
    assert turns(talk.played(begin + STOP_SECONDS, end)) == []
    assert turns(talk.played(end, talk.seconds)) != []


def test_the_conversation_is_kept_for_the_documentation(talk: Talk) -> None:
    """A short recording of it, which the README links. Without KEEP_FOR_DOCS it stays among the artifacts."""
    spoken = turns(talk.you + talk.moshi)
    answered = next(end for begin, end in spoken if end > talk.objection[1] + 1.0)
    begin, end = spoken[0][0] - MARGIN, answered + MARGIN
    both = (talk.you + talk.moshi)[round(max(begin, 0) * RATE) : round(end * RATE)].clip(-1, 1)
    folder = DOCS / "sounds" if os.environ.get(KEEP) else ARTIFACTS / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "demo-conversation.ogg"
    sphn.write_opus(str(path), both, RATE)
    keep_picture(ARTIFACTS / "demo" / "conversation.png", "demo-conversation")
    print(f"{path}: {len(both) / RATE:.1f} s, {path.stat().st_size:,} bytes")
    assert path.stat().st_size <= 300_000
    again, rate = sphn.read_opus(path)
    assert again.shape[-1] / rate == pytest.approx(len(both) / RATE, abs=0.2)
