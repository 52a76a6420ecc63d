"""16-bit PCM in base64, as OpenAI's APIs carry audio, to frames and back."""

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32768


class NotBase64(Exception):
    """The text is not base64."""


class PcmReader:
    """Cuts audio into frames, float32 [frame_size]. An odd byte waits for the next message."""

    def __init__(self, frame_size: int) -> None:
        self._frame_bytes = 2 * frame_size
        self._rest = b""

    def read(self, text: str) -> list[NDArray[np.float32]]:
        """The whole frames that this audio completes.

        Raises:
            NotBase64: bad text. The stream goes on without it.
        """
        try:
            data = self._rest + base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotBase64(str(error)) from None
        whole = len(data) // self._frame_bytes * self._frame_bytes
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) / FULL_SCALE
        return list(samples.reshape(-1, self._frame_bytes // 2))

    def clear(self) -> None:
        """Forget the part of a frame that waits."""
        self._rest = b""


def write(samples: NDArray[np.float32]) -> str:
    """Samples in -1..1 as base64. Samples beyond are clipped."""
    scaled = np.clip(np.round(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return base64.b64encode(scaled.astype("<i2").tobytes()).decode()
