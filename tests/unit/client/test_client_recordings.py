"""Sound files in, sound files out."""

import wave
from pathlib import Path

import numpy as np
import pytest

from scenario6_client import recordings
from scenario6_client.audio import SAMPLE_RATE
from scenario6_client.recordings import BadFile


def write(file: Path, rate: int, width: int, *channels: list[int]) -> Path:
    with wave.open(str(file), "wb") as made:
        made.setparams((len(channels), width, rate, 0, "NONE", ""))
        made.writeframes(np.array(channels, f"<i{width}").T.tobytes())
    return file


def test_two_channels_become_one(tmp_path: Path) -> None:
    samples = recordings.read(write(tmp_path / "a.wav", SAMPLE_RATE, 2, [16_384] * 480, [0] * 480))
    assert samples.dtype == np.float32
    assert samples == pytest.approx(np.full(480, 0.25), abs=1e-3)


@pytest.mark.parametrize(("rate", "width"), [(8_000, 2), (44_100, 2), (48_000, 4)])
def test_any_rate_becomes_24_khz(tmp_path: Path, rate: int, width: int) -> None:
    samples = recordings.read(write(tmp_path / "a.wav", rate, width, [1000] * rate))
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=SAMPLE_RATE // 25)  # the resampler works in blocks


def test_samples_that_are_no_numbers_or_too_loud_are_made_safe(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    values = np.array([np.nan, np.inf, -np.inf, 3.0, 0.5], "<f4").tobytes()
    head = b"fmt " + (16).to_bytes(4, "little") + np.array([3, 1], "<u2").tobytes()
    head += np.array([SAMPLE_RATE, SAMPLE_RATE * 4], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    body = b"WAVE" + head + b"data" + len(values).to_bytes(4, "little") + values
    file.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    assert recordings.read(file).tolist() == [0.0, 1.0, -1.0, 1.0, 0.5]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    said = np.sin(np.arange(4800) / 10).astype(np.float32)
    recordings.write(tmp_path / "a.wav", said)
    assert recordings.read(tmp_path / "a.wav") == pytest.approx(said, abs=1e-3)
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert (made.getframerate(), made.getnchannels(), made.getsampwidth()) == (SAMPLE_RATE, 1, 2)


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\0\0\0\0WAVE", b"RIFFxxxx"])
def test_what_is_no_recording_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadFile) as refused:
        recordings.read(tmp_path / "a.wav")
    assert refused.value.problem.code == "sound-file-unreadable"
    assert "\n" not in refused.value.problem.text


def test_a_file_that_is_not_there_or_has_no_sound(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as missing:
        recordings.read(tmp_path / "b.wav")
    assert missing.value.problem.code == "sound-file-missing"
    with pytest.raises(BadFile) as empty:
        recordings.read(write(tmp_path / "a.wav", SAMPLE_RATE, 2, []))
    assert empty.value.problem.code == "sound-file-empty"


def test_the_longest_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LONGEST_SECONDS", 1.0)
    recordings.read(write(tmp_path / "a.wav", 8_000, 2, [1] * 8_000))
    with pytest.raises(BadFile, match="2 s of sound; 1 s at most"):
        recordings.read(write(tmp_path / "a.wav", 8_000, 2, [1] * 16_000))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refused:
        recordings.write(tmp_path / "no" / "a.wav", np.zeros(10, np.float32))
    assert refused.value.problem.code == "file-not-written"
