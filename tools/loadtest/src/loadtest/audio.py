"""What the clients say, and how much of it a stream of Ogg pages holds."""

import numpy as np
import sphn
from numpy.typing import NDArray

from moshi_service.protocol import wire

SAMPLE_RATE = 24_000
FRAME = 1_920
FRAME_SECONDS = FRAME / SAMPLE_RATE

_GRANULES_PER_FRAME = 3_840  # Ogg counts Opus at 48 kHz whatever rate was encoded
_PAGE_HEADER = 27


def encode(samples: NDArray[np.float32]) -> list[bytes]:
    """Float32 mono at 24 kHz as one audio message for each 80 ms; the rest that fills none is left out."""
    writer = sphn.OpusStreamWriter(SAMPLE_RATE)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return [wire.audio(bytes(writer.append_pcm(frame))) for frame in frames]


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """White noise at -20 dB: no codec and no voice detection takes it for silence."""
    return (np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)


def extreme(seconds: float) -> NDArray[np.float32]:
    """As loud as Opus can carry, which knows no NaN: full-scale square waves and samples far beyond what clips."""
    count = round(seconds * SAMPLE_RATE)
    square = np.where(np.arange(count) // 30 % 2, 1.0, -1.0)
    wild = np.random.default_rng(0).standard_normal(count) * 1e30
    return np.where(np.arange(count) // FRAME % 2, square, wild).astype(np.float32)


def frames_by(pages: bytes) -> int | None:
    """How many whole frames (80 ms) of a stream are there with these pages, by the last page's own count.

    None if they are no Ogg pages. A page must not be cut by the message's end; no known server does it.
    """
    granules, at = None, 0
    while at < len(pages):
        if pages[at : at + 4] != b"OggS" or at + _PAGE_HEADER > len(pages):
            return None
        granules = int.from_bytes(pages[at + 6 : at + 14], "little", signed=True)
        segments = pages[at + 26]
        at += _PAGE_HEADER + segments + sum(pages[at + _PAGE_HEADER : at + _PAGE_HEADER + segments])
    return None if granules is None else granules // _GRANULES_PER_FRAME
