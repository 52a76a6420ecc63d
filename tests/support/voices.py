"""People to talk to a model: Debian's synthesizers say sentences in voices that the demo's training did not hear."""

import subprocess
import wave
from pathlib import Path

import numpy as np

from demo_model.resampling import resampled
from support.speech import Samples

SAMPLE_RATE = 24_000
SENTENCES = (
    "Hi there.",
    "Is this thing working?",
    "I would like to know what you can do for me.",
    "Yes, please.",
    "My neighbour has a garden full of tomatoes and beans.",
    "No, wait a moment.",
    "It was raining when we left the house this morning.",
    "Could you tell me the time?",
)
VOICES = {
    "flite-awb": ["flite", "-voice", "awb", "-o", "{file}", "-t", "{text}"],
    "espeak-en-gb+f2": ["espeak-ng", "-v", "en-gb+f2", "-s", "155", "-w", "{file}", "{text}"],
    "espeak-fr+f3": ["espeak-ng", "-v", "fr+f3", "-s", "150", "-w", "{file}", "{text}"],
}


def read_wave(path: Path) -> Samples:
    """A mono 16-bit file as float32 at 24 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
        return resampled((pcm / 32_768).astype(np.float32), file.getframerate(), SAMPLE_RATE)


def held_out_voices(folder: Path) -> dict[str, list[Samples]]:
    """Each voice's sentences. `folder` is for scratch files."""
    voices: dict[str, list[Samples]] = {}
    for voice, command in VOICES.items():
        for number, text in enumerate(SENTENCES):
            file = folder / f"{voice}-{number}.wav"
            subprocess.run([part.format(file=file, text=text) for part in command], check=True, timeout=60)
            voices.setdefault(voice, []).append(read_wave(file))
    return voices
