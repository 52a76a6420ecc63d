"""Recordings as codes, for voices in which a model is to speak."""

from pathlib import Path

import numpy as np
import torch
from moshi.models import MimiModel
from numpy.typing import NDArray

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.model.loaders import load_mimi
from moshi_backend.model.tokens import Tokens


class SpeechEncoder:
    """A checkpoint's codec on the CPU, which is only loaded when it is needed. A GPU's memory belongs to conversations
    when voices are read, and codes are kept for the next start."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._loaded: MimiModel | None = None

    @property
    def weights(self) -> Path:
        """The codec's file."""
        return self._checkpoint.mimi_weights

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._checkpoint.sample_rate

    @torch.inference_mode()
    def encode(self, samples: NDArray[np.float32]) -> Tokens:
        """[samples] to codes [frames, codebooks]; the last frame is filled up with silence."""
        mimi = self._mimi
        whole = np.pad(samples, (0, -len(samples) % mimi.frame_size))
        codes: Tokens = mimi.encode(torch.from_numpy(whole)[None, None])[0].t().numpy()
        return np.ascontiguousarray(codes)

    @property
    def _mimi(self) -> MimiModel:
        if self._loaded is None:
            self._loaded = load_mimi(self._checkpoint)
        return self._loaded
