"""Moshi as a batch of rows. A row is one conversation's share of the model's state.

The only file that knows upstream's classes. Everything here runs on one thread, the engine's.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from moshi.models import LMGen
from moshi.models.loaders import CheckpointInfo
from moshi.modules.transformer import RingKVCache
from moshi.utils.compile import no_compile
from numpy.typing import NDArray

SMALL = 100_000_000
"""Parameters below which one thread is fastest: the time goes into launching small operations, not into them."""

NO_TEXT = (0, 3)
"""Text tokens that say nothing: upstream's "end of padding" and padding."""


@dataclass(frozen=True)
class Frame:
    """What one row said in one tick. `pcm`: float32 [frame_size] in -1..1. `text`: a piece of a word, or nothing."""

    pcm: NDArray[np.float32]
    text: str


class BatchedModel:
    """`slots` conversations that step together, each only when it has a frame.

    A new conversation's first output needs two input frames: upstream discards the codes of the first one.
    """

    def __init__(self, checkpoint: CheckpointInfo, slots: int, device: torch.device, dtype: torch.dtype) -> None:
        self.slots = slots
        self._device = device
        lm = checkpoint.get_moshi(device, dtype=dtype)
        self._mimi = checkpoint.get_mimi(device)
        if device.type == "cpu" and sum(weight.numel() for weight in lm.parameters()) < SMALL:
            torch.set_num_threads(1)
        self._tokenizer = checkpoint.get_text_tokenizer()
        self._generator = LMGen(lm, support_out_of_sync=True, **checkpoint.lm_gen_config)
        self._not_yet: int = lm.ungenerated_token_id
        self._mimi.streaming_forever(slots)
        self._generator.streaming_forever(slots)
        self._caches = [
            cache
            for module in (self._mimi, lm)
            for state in module.get_streaming_state().values()
            if isinstance(cache := getattr(state, "kv_cache", None), RingKVCache)
        ]
        self._fresh = torch.zeros(slots, dtype=torch.bool)
        self.sample_rate: int = self._mimi.sample_rate
        self.frame_size: int = self._mimi.frame_size

    @torch.inference_mode()
    def join(self, row: int) -> None:
        """Give `row` to a new conversation.

        Upstream's reset moves the offsets back but leaves keys and values in place. Attention masks them with a
        weight of zero, and zero times the NaN that a broken stream left there is NaN: they are cleared too.
        """
        mask = torch.zeros(self.slots, dtype=torch.bool, device=self._device)
        mask[row] = True
        self._mimi.reset_streaming(mask)
        self._generator.reset_streaming(mask)
        for cache in self._caches:
            cache.cache[:, row] = 0
        self._fresh[row] = True

    @torch.inference_mode()
    def step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        """One tick for the rows in `frames`; the others do not move.

        Args:
            frames: row to float32 samples [frame_size]. What is not a number becomes silence.
        Returns:
            what each row said. A row is missing while the model's delays have nothing for it yet.
        """
        with self._compilation():
            return self._step(frames)

    def _step(self, frames: Mapping[int, NDArray[np.float32]]) -> dict[int, Frame]:
        batch = np.zeros((self.slots, 1, self.frame_size), dtype=np.float32)
        for row, samples in frames.items():
            batch[row, 0] = np.clip(np.nan_to_num(samples, posinf=0.0, neginf=0.0), -1.0, 1.0)
        active = torch.zeros(self.slots, dtype=torch.bool)
        active[list(frames)] = True
        mask = active.to(self._device)

        self._mimi.set_exec_mask(mask)
        self._generator.set_exec_mask(mask)
        codes = self._mimi.encode(torch.from_numpy(batch).to(self._device))
        first = self._fresh & active
        if first.any():
            # The first frame's codes carry the encoder's left padding. Upstream encodes it, starts Mimi again and
            # still steps the model on them; a reset also sets the execution mask, which is why it is set again.
            self._mimi.reset_streaming(first.to(self._device))
            self._mimi.set_exec_mask(mask)
            self._fresh &= ~active
        tokens = self._generator.step(codes)
        text = tokens[:, 0, 0].tolist()
        ready = [row for row in frames if text[row] != self._not_yet]
        if not ready:
            return {}
        speaking = torch.zeros(self.slots, dtype=torch.bool)
        speaking[ready] = True
        self._mimi.set_exec_mask(speaking.to(self._device))
        # Rows without tokens hold the "not yet" id, which is no index into a codebook.
        pcm = self._mimi.decode(tokens[:, 1:].clamp(min=0)).float().cpu().numpy()
        return {row: Frame(pcm[row, 0], self._piece(text[row])) for row in ready}

    def _compilation(self) -> AbstractContextManager[None]:
        """Upstream compiles a few small functions. On a CPU that costs 8 s and a C++ compiler at start, and each
        tick is slower for it (8.8 against 7.2 ms with one row of the demo model)."""
        return no_compile() if self._device.type == "cpu" else nullcontext()

    def _piece(self, token: int) -> str:
        if token in NO_TEXT or self._tokenizer.is_control(token):
            return ""
        return str(self._tokenizer.id_to_piece(token)).replace("▁", " ")


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a device.

    Raises:
        ValueError: that GPU is not there.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ValueError(
            f"MOSHI_DEVICE={name} but PyTorch {torch.__version__} sees {gpus} GPUs here; "
            "check the driver with nvidia-smi, or set MOSHI_DEVICE=cpu"
        )
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16, which the released weights are in, except on a CPU, which is slow at it."""
    if name == "auto":
        name = "float32" if device.type == "cpu" else "bfloat16"
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype
