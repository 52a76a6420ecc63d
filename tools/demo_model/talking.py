"""A user's sentences in the sound of a microphone, and the frames in which one hears them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_model.architecture import FRAME, Audio


def voiced_frames(clip: Audio, offset: int) -> NDArray[np.bool_]:
    """Whether each frame of a stream has voice, for a clip that begins `offset` samples into the first of them."""
    padded = np.concatenate([np.zeros(offset, np.float32), clip, np.zeros(-(offset + len(clip)) % FRAME, np.float32)])
    loudness = np.sqrt((padded.reshape(-1, FRAME) ** 2).mean(1))
    return np.asarray(loudness > 0.12 * clip.std())


def say(
    rng: np.random.Generator, clip: Audio, level: float, start: int, audio: NDArray[Any], voice: NDArray[np.bool_]
) -> None:
    """Add `clip` to `audio` [samples] from sample `start` on, and its voice to `voice` [frames]. The end may not fit.

    It is at `level` dB, or up to 2 dB louder or quieter.
    """
    frame = start // FRAME
    active = voiced_frames(clip, start % FRAME)[: len(voice) - frame]
    voice[frame : frame + len(active)] |= active
    part = (clip / clip.std() * 10 ** ((level + rng.uniform(-2, 2)) / 20))[: len(audio) - start]
    audio[start : start + len(part)] += part
