"""The recordings: the demo's lines in Kokoro's voice, and users in many other voices.

All audio is mono float32 at 24 kHz. Folders on disk hold 16-bit WAV files, so that one can listen to them.
"""

import json
import re
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from demo_model import kokoro, recorded_users
from demo_model.architecture import SAMPLE_RATE, Audio
from demo_model.sentences import LINES, USER_SENTENCES

LINE_VOICE = "jf_alpha"
LINE_LEVEL = 0.08
"""Root mean square of a line."""

HELD_OUT = ("flite-awb", "espeak-en-gb+f2", "espeak-fr+f3", "kokoro-jf_nezumi")
"""Voices that training never hears."""

FLITE = ("rms", "slt", "kal16", "awb")
ESPEAK = (
    "en-us",
    "en-gb+f2",
    "en-gb+m1",
    "en-gb+m3",
    "en-us+f4",
    "en-us+f5",
    "en-us+croak",
    "en-gb-scotland+m7",
    "de",
    "fr+f3",
)
KOKORO = ("jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")

_ALIGN_LEAD = 0.2  # seconds of silence before the line, without which the aligner loses its first word
_ALIGN_TAIL = 0.5


def _write(path: Path, audio: Audio) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")


def _read(path: Path) -> Audio:
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE, path
    return np.asarray(audio, dtype=np.float32)


def word_onsets(text: str, audio: Audio) -> list[float]:
    """The second at which each word of `text` begins in `audio`, by forced alignment."""
    pcm = resample_poly(audio, 2, 3)
    silence = [np.zeros(round(seconds * 16_000)) for seconds in (_ALIGN_LEAD, _ALIGN_TAIL)]
    pcm = np.concatenate([silence[0], pcm, silence[1]]) * 32_767
    # A little noise: digital silence is no silence to the aligner's model.
    pcm += np.random.default_rng(0).integers(-3, 4, len(pcm))
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.set_align_text(re.sub(r"[^a-z ]", "", text.lower()))
    decoder.start_utt()
    decoder.process_raw(pcm.clip(-32_768, 32_767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    words = [part for part in decoder.seg() if not part.word.startswith(("<", "("))]
    if len(words) != len(text.split()):
        raise ValueError(f"the aligner found {len(words)} of {len(text.split())} words in {text!r}")
    return [max(0.0, part.start_frame / 100 - _ALIGN_LEAD) for part in words]


def make_lines(folder: Path) -> None:
    """Write the recording of each line, and the onsets of its words to `words.json`."""
    onsets = {}
    for key, text in LINES.items():
        audio = kokoro.speak(text, LINE_VOICE)
        audio = np.clip(audio * (LINE_LEVEL / audio.std()), -0.95, 0.95)
        _write(folder / f"{key}.wav", audio)
        onsets[key] = word_onsets(text, audio)
    (folder / "words.json").write_text(json.dumps(onsets, indent=1) + "\n")


def read_lines(folder: Path) -> dict[str, Audio]:
    """The recording of each line, by key."""
    return {key: _read(folder / f"{key}.wav") for key in LINES}


def read_onsets(folder: Path) -> dict[str, list[float]]:
    """The seconds at which the words of each line begin, by key."""
    return dict(json.loads((folder / "words.json").read_text()))


def _trimmed(audio: Audio) -> Audio:
    """`audio` at an even level, without the silence at its ends."""
    audio = audio / (np.abs(audio).max() + 1e-6) * 0.7
    loud = np.flatnonzero(np.abs(audio) > 0.02)
    return audio[loud[0] : loud[-1] + 1].astype(np.float32)


def _by_command(command: Callable[[str, str], list[str]], text: str, scratch: Path) -> Audio:
    subprocess.run(command(text, str(scratch)), check=True)
    audio, rate = soundfile.read(scratch, dtype="float32")
    scratch.unlink()
    return np.asarray(resample_poly(audio, SAMPLE_RATE, rate), dtype=np.float32)


def make_users(folder: Path) -> None:
    """Write every sentence of a user in every voice, and what people recorded, in a folder for each voice."""
    folder.mkdir(parents=True, exist_ok=True)
    for user, clips in recorded_users.read().items():
        for number, audio in enumerate(clips):
            _write(folder / user / f"{number:02}.wav", _trimmed(audio))
    scratch = folder / "scratch.wav"
    for number, text in enumerate(USER_SENTENCES):
        for voice in FLITE:
            audio = _by_command(lambda t, file, v=voice: ["flite", "-voice", v, "-t", t, "-o", file], text, scratch)  # type: ignore[misc]
            _write(folder / f"flite-{voice}" / f"{number:02}.wav", _trimmed(audio))
        for voice in ESPEAK:
            rng = np.random.default_rng([number, zlib.crc32(voice.encode())])
            options = ["-v", voice, "-s", str(rng.integers(130, 190)), "-p", str(rng.integers(25, 75))]
            audio = _by_command(lambda t, file, o=options: ["espeak-ng", *o, "-w", file, t], text, scratch)  # type: ignore[misc]
            _write(folder / f"espeak-{voice}" / f"{number:02}.wav", _trimmed(audio))
        for voice in KOKORO:
            rng = np.random.default_rng([number, zlib.crc32(voice.encode())])
            audio = kokoro.speak(text, voice, float(rng.uniform(0.9, 1.2)))
            _write(folder / f"kokoro-{voice}" / f"{number:02}.wav", _trimmed(audio))


def read_users(folder: Path, held_out: bool) -> list[list[Audio]]:
    """The clips of each voice, either of those that training hears or of those that it never hears.

    A clip has no silence at its ends: the end of the voice is the end of the clip.
    """
    voices = sorted(path for path in folder.iterdir() if path.is_dir() and (path.name in HELD_OUT) == held_out)
    return [[_read(file) for file in sorted(voice.glob("*.wav"))] for voice in voices]
