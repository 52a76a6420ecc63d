"""Frames of 80 ms, Ogg/Opus in both directions, and how much of it a stream of Ogg pages holds."""

from collections.abc import Iterator

import numpy as np
import sphn
from numpy.typing import NDArray

from moshi_service.protocol import wire

SAMPLE_RATE = 24_000
FRAME = 1_920
"""Samples."""
FRAME_SECONDS = FRAME / SAMPLE_RATE

type Samples = NDArray[np.float32]

_GRANULES_PER_FRAME = 3_840  # Ogg counts Opus at 48 kHz whatever rate was encoded
_PAGE_HEADER = 27
_PIECE = 1024
"""Bytes that are decoded at once: the decoder fails when a call gives it more than five seconds."""


class Encoder:
    """Makes the audio messages of one conversation."""

    def __init__(self) -> None:
        self._writer = sphn.OpusStreamWriter(SAMPLE_RATE)

    def message(self, frame: Samples) -> bytes:
        """A message with one frame, float32 [FRAME]."""
        return wire.audio(bytes(self._writer.append_pcm(frame)))


class Decoder:
    """Reads the Ogg stream of one conversation."""

    def __init__(self) -> None:
        self._reader = sphn.OpusStreamReader(SAMPLE_RATE)

    def samples(self, ogg: bytes | bytearray) -> Samples:
        """The samples that these bytes complete: float32, mono.

        Raises:
            ValueError: the bytes are no Ogg/Opus.
        """
        pieces = (ogg[start : start + _PIECE] for start in range(0, len(ogg), _PIECE))
        decoded = [np.asarray(self._reader.append_bytes(bytes(piece)), dtype=np.float32) for piece in pieces]
        return np.concatenate([np.zeros(0, np.float32), *decoded])


class Speech:
    """Samples as one audio message for each 80 ms. Each is encoded when it is asked for."""

    def __init__(self, samples: Samples) -> None:
        """`samples`: float32 mono at 24 kHz; the rest that fills no frame is left out."""
        self._frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)

    def __len__(self) -> int:
        """Frames."""
        return len(self._frames)

    def __iter__(self) -> Iterator[bytes]:
        """The messages, from the beginning of a stream."""
        encoder = Encoder()
        return (encoder.message(frame) for frame in self._frames)


def encode(samples: Samples) -> list[bytes]:
    """`Speech` that is encoded at once, for many clients."""
    return list(Speech(samples))


def silence(seconds: float) -> Samples:
    """Zeros."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float, seed: int = 0) -> Samples:
    """White noise at -20 dB: no codec and no voice detection takes it for silence."""
    return (np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)


def frames_by(pages: bytes) -> int | None:
    """The number of whole frames (80 ms) that a stream has with these pages, by the last page's own count.

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
