"""The people among the users in training: which clips of which files are taken."""

import wave
from pathlib import Path

import numpy as np
import pytest

from demo_model import recorded_users
from demo_model.architecture import SAMPLE_RATE
from demo_model.recorded_users import decoded

RATE = 16_000


def record(file: Path, seconds: float, pitch: float, channels: int = 1) -> None:
    """A sine of half the full scale, in 16 bits."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = (np.sin(2 * np.pi * pitch * time) * 16_384).astype(np.int16)
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as written:
        written.setparams((channels, 2, RATE, 0, "NONE", ""))
        written.writeframes(samples[:, None].repeat(channels, 1).tobytes())


@pytest.fixture
def game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a game that speaks English, and no other game."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    monkeypatch.setattr(recorded_users, "GAMES", (recorded_users.Game("a-game-data", folder, "{}/*.wav", ("en",)),))
    return folder / "en"


@pytest.mark.parametrize("channels", [1, 2])
def test_a_recording_gets_one_channel_and_the_models_rate(tmp_path: Path, channels: int) -> None:
    record(tmp_path / "one.wav", 1.0, 440, channels)
    sound = decoded(tmp_path / "one.wav")
    assert sound.dtype == np.float32
    assert len(sound) == SAMPLE_RATE
    assert np.abs(np.fft.rfft(sound)).argmax() == 440
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.01)


def test_clips_differ_and_are_neither_too_short_nor_too_long(game: Path) -> None:
    for number, (seconds, pitch) in enumerate([(1.0, 200), (0.3, 250), (1.0, 200), (7.0, 300), (2.0, 350)]):
        record(game / f"{number}.wav", seconds, pitch)
    clips = recorded_users.read()["a-en"]
    assert [len(clip) / SAMPLE_RATE for clip in clips] == [1.0, 2.0]


def test_a_speaker_has_at_most_so_many_clips(game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_users, "MOST", 3)
    for number in range(5):
        record(game / f"{number}.wav", 1.0, 200 + 50 * number)
    clips = recorded_users.read()["a-en"]
    assert [int(np.abs(np.fft.rfft(clip)).argmax()) for clip in clips] == [200, 250, 300]


def test_missing_recordings_are_named_with_their_package(game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game.parent.rmdir()
    monkeypatch.setattr("os.geteuid", lambda: 1_000)  # may not install
    with pytest.raises(SystemExit, match=r"sounds are missing.*apt-get install a-game-data"):
        recorded_users.read()
