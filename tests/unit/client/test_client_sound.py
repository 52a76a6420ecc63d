"""The sound card, with a stand-in for PortAudio that calls back as PortAudio does."""

import asyncio
import sys

import numpy as np
import pytest

from scenario6_client import sound
from scenario6_client.audio import FRAME
from scenario6_client.sound import WAITING_FRAMES, NoSound, open_card
from support.portaudio import FakePortAudio

pytestmark = pytest.mark.anyio


def use(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", library)


async def test_a_microphone_and_a_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakePortAudio()
    use(monkeypatch, library)
    async with open_card("3", "USB", 0.5) as card:
        assert {stream["latency"] for stream in library.streams.values()} == {0.5}
        assert (library.streams["microphone"]["device"], library.streams["speaker"]["device"]) == (3, "USB")
        library.hears(np.full(FRAME, 0.25, np.float32))
        assert (await card.frame()).tolist() == [0.25] * FRAME
        card.playout.push(np.full(2 * FRAME, 0.5, np.float32))
        assert library.plays(480).tolist() == [0.5] * 480
    assert library.closed == ["microphone", "speaker"]


async def test_speech_before_the_conversation_is_forgotten_and_never_piles_up(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakePortAudio()
    use(monkeypatch, library)
    async with open_card() as card:
        for number in range(WAITING_FRAMES + 5):
            library.hears(np.full(FRAME, number / 100, np.float32))
            await asyncio.sleep(0)
        assert (await card.frame())[0] == pytest.approx(0.05)  # the oldest five are gone
        card.forget()
        library.hears(np.full(FRAME, 0.9, np.float32))
        assert (await card.frame())[0] == pytest.approx(0.9)


async def test_a_card_that_is_unplugged_ends_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakePortAudio()
    use(monkeypatch, library)
    async with open_card() as card:
        library.streams["microphone"]["finished_callback"]()
        await asyncio.sleep(0)
        card.forget()
        with pytest.raises(NoSound) as stopped:
            await card.frame()
        assert stopped.value.problem.code == "sound-card-stopped"


@pytest.mark.parametrize(("kind", "code"), [("microphone", "microphone-not-opened"), ("speaker", "speaker-not-opened")])
async def test_without_a_device_there_is_one_line(monkeypatch: pytest.MonkeyPatch, kind: str, code: str) -> None:
    library = FakePortAudio(missing=(kind,))
    use(monkeypatch, library)
    with pytest.raises(NoSound) as refused:
        async with open_card():
            pass
    assert refused.value.problem.code == code
    assert "\n" not in refused.value.problem.text
    assert library.closed == [one for one in ("speaker",) if one != kind]


def test_without_the_library_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, None)  # Python's own way to say that a module is not there
    with pytest.raises(NoSound) as refused:
        sound.devices()
    assert refused.value.problem.code == "sound-library-missing"
