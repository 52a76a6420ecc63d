"""Whole recordings to codes, for voices that a model is to continue in."""

from pathlib import Path

import numpy as np
import torch
from moshi.models import MimiModel
from moshi.models.loaders import CheckpointInfo
from numpy.typing import NDArray

from moshi_backend.model.tokens import Tokens


class SpeechEncoder:
    """A checkpoint's codec, which is only loaded when it is needed."""

    def __init__(self, checkpoint: CheckpointInfo, device: torch.device) -> None:
        self._checkpoint = checkpoint
        self._device = device
        self._loaded: MimiModel | None = None

    @property
    def weights(self) -> Path:
        return Path(self._checkpoint.mimi_weights)

    @property
    def sample_rate(self) -> int:
        return int(self._mimi.sample_rate)

    @torch.inference_mode()
    def encode(self, samples: NDArray[np.float32]) -> Tokens:
        """[samples] to codes [frames, codebooks]; the last frame is filled up with silence."""
        mimi = self._mimi
        whole = np.pad(samples, (0, -len(samples) % mimi.frame_size))
        codes: Tokens = mimi.encode(torch.from_numpy(whole).to(self._device)[None, None])[0].t().cpu().numpy()
        return np.ascontiguousarray(codes)

    @property
    def _mimi(self) -> MimiModel:
        if self._loaded is None:
            self._loaded = self._checkpoint.get_mimi(self._device)
        return self._loaded
