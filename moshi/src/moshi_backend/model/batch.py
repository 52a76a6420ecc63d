"""The batch that the engine holds: conversations join rows, and a tick steps those that have a frame.

Everything here runs on one thread, the engine's.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from moshi.models import LMModel, MimiModel
from moshi.models.loaders import CheckpointInfo
from numpy.typing import NDArray

from moshi_backend.model.capacity import AT_MOST, EACH_CORE, choose_slots
from moshi_backend.model.codec import Codec
from moshi_backend.model.cuda_graphs import CudaGraphRunner, sizes
from moshi_backend.model.device import choose_threads, free_memory
from moshi_backend.model.language_model import SAMPLED, LanguageModel
from moshi_backend.model.prefill import Prefill, PromptKVCache
from moshi_backend.model.prompt import Prompt
from moshi_backend.model.sampling import RandomNumbers, SamplingParams, TokenSampling
from moshi_backend.model.state import RowState
from moshi_backend.model.step import NOTHING, Layout, Tick
from moshi_backend.model.text import token_bytes


@dataclass(frozen=True)
class ForcedTokens:
    """Tokens that a row must say instead of choosing: text, and one for each audio codebook. Either may be open."""

    text: int | None = None
    audio: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Frame:
    """What one row said in one tick.

    Attributes:
        pcm: float32 [frame_size] in -1..1.
        tokens: the text token, then the audio tokens.
    """

    pcm: NDArray[np.float32]
    tokens: tuple[int, ...]


class BatchedModel:
    """`slots` conversations that step together, each only when it has a frame.

    A new conversation's first output needs two input frames: the codes of the first one are not those of sound.

    Args:
        slots: None for as many as the memory holds and the device is likely to keep up with.
        context: steps that the language model remembers, if fewer than it can.
        record: replay ticks as CUDA graphs; only on a GPU.
        voice_memory: bytes of the host's memory in which voices are kept as the model has read them.

    Raises:
        ValueError: the model has a part that no Moshi has.
        LoadError: the slots do not fit into the memory.
    """

    @torch.inference_mode()
    def __init__(
        self,
        checkpoint: CheckpointInfo,
        slots: int | None,
        device: torch.device,
        dtype: torch.dtype,
        context: int | None = None,
        record: bool = True,
        voice_memory: int = 0,
    ) -> None:
        self.device = device
        self._on_gpu = device.type == "cuda"
        if self._on_gpu:
            torch.cuda.set_device(device)  # the thread's streams, graphs and events are then this GPU's
        lm = checkpoint.get_moshi(device, dtype=dtype)
        mimi = checkpoint.get_mimi(device)
        choose_threads(sum(weight.numel() for weight in lm.parameters()))
        self.sampling = SamplingParams.of(checkpoint.lm_gen_config)
        """What the checkpoint recommends."""
        silent = (lm.text_padding_token_id, lm.end_of_text_padding_id)
        self.vocabulary = token_bytes(checkpoint.get_text_tokenizer(), lm.text_card, silent)
        """What each text token says, in UTF-8."""
        self.sample_rate: int = mimi.sample_rate
        self.frame_size: int = mimi.frame_size
        self.row_bytes = _row_bytes(lm, mimi, context)
        self.weight_bytes = sum(
            weight.nbytes
            for part in (*lm.modules(), *mimi.modules())
            if not isinstance(part, torch.nn.Embedding)
            for weight in part.parameters(recurse=False)
        )
        """What every tick reads; of embeddings it reads only a few lines."""
        most = AT_MOST if self._on_gpu else EACH_CORE * (os.cpu_count() or 1)
        self.slots = slots = choose_slots(slots, self.row_bytes, free_memory(device), most)
        self._state = RowState(slots, device)
        self._language = language = LanguageModel(lm, self._state, context)
        self.pattern = language.pattern
        self.width = language.width
        self.codes = language.codes
        self.context = language.context
        self._memory = PromptKVCache(voice_memory)
        self._prefills: dict[int, Prefill] = {}
        self._layout = Layout(self.frame_size, language.said)
        self.batch_sizes = sizes(slots, device)
        """The numbers of rows that a tick may be run for."""
        self._tick = Tick(Codec(mimi, self._state), language, self._layout, slots, device)
        self._inputs = self._tick.inputs.cpu().pin_memory() if self._on_gpu else self._tick.inputs
        self._outputs = self._tick.outputs.cpu().pin_memory() if self._on_gpu else self._tick.outputs
        self._lines = self._inputs.numpy()
        self._said = self._outputs.numpy()
        self._done = torch.cuda.Event(blocking=True) if self._on_gpu else None  # others spin on a core while they wait
        self._lines[:, self._layout.text] = self._lines[:, self._layout.audio] = TokenSampling(0.0, 0).control
        self._chances: dict[int, RandomNumbers] = {}
        replayed = self._on_gpu and record
        self._run: Callable[[int], None] = CudaGraphRunner(self._tick, self.batch_sizes) if replayed else self._tick

    @torch.inference_mode()
    def join(self, row: int, sampling: SamplingParams, prefix: Prompt | None = None) -> None:
        """Give `row` to a new conversation. Nothing of the one before is left.

        With a prefix it may only step after `prefill` has gone through it.
        """
        self._state.clear(row)
        self._prefills.pop(row, None)
        self._chances[row] = RandomNumbers(sampling, self._layout.tokens - 1)
        self._lines[row] = 0
        self._lines[row, self._layout.given] = SAMPLED
        self._lines[row, self._layout.text] = sampling.text.control
        self._lines[row, self._layout.audio] = sampling.audio.control
        self._lines[row, self._layout.opening] = 1
        if prefix is not None:
            assert prefix.steps < self.context
            self._prefills[row] = Prefill(self._language, self._memory, row, prefix)

    @torch.inference_mode()
    def prefill(self, row: int, positions: int) -> Prefill:
        """One chunk of the row's prefix, of so many positions at most. The prefix is over when all of it is done."""
        prefill = self._prefills[row]
        if prefill.done < prefill.total:
            prefill.advance(positions)
        self._wait()
        if prefill.done == prefill.total:
            self._lines[row, self._layout.given] = prefill.opening
        return prefill

    @torch.inference_mode()
    def step(
        self, frames: Mapping[int, NDArray[np.float32]], given: Mapping[int, ForcedTokens] | None = None
    ) -> dict[int, Frame]:
        """One tick for the rows in `frames`; the others do not move.

        Args:
            frames: row to float32 samples [frame_size]. What is not a number becomes silence.
            given: tokens that rows must say in this tick.
        Returns:
            what each row said. A row is missing while the model's delays have nothing for it yet.
        """
        rows = next(size for size in self.batch_sizes if size > max(frames))
        lines, layout = self._lines[:rows], self._layout
        lines[:, layout.active] = 0
        for row, samples in frames.items():
            line = lines[row]
            line[layout.samples] = samples
            line[layout.active] = 1
            self._chances[row].draw(line[layout.chance])
        for row, tokens in (given or {}).items():
            self._force(row, tokens)
        self._exchange(rows)
        for row in frames:
            lines[row, layout.given] = SAMPLED
            lines[row, layout.opening] = 0
        return {row: self._frame(row) for row in frames if self._said[row, layout.said.start] != NOTHING}

    def _exchange(self, rows: int) -> None:
        if self._done is None:
            self._run(rows)
            return
        self._tick.inputs[:rows].copy_(self._inputs[:rows], non_blocking=True)
        self._run(rows)
        self._outputs[:rows].copy_(self._tick.outputs[:rows], non_blocking=True)
        self._wait()

    def _wait(self) -> None:
        """Until the device has done everything."""
        if self._done is not None:
            self._done.record()
            self._done.synchronize()

    def _force(self, row: int, tokens: ForcedTokens) -> None:
        line = self._lines[row, self._layout.given]
        if tokens.text is not None:
            line[0] = tokens.text
        if tokens.audio is not None:
            line[1:] = tokens.audio

    def _frame(self, row: int) -> Frame:
        tokens = tuple(int(token) for token in self._said[row, self._layout.said])
        return Frame(self._said[row, self._layout.samples].copy(), tokens)


def sizes_of(checkpoint: CheckpointInfo, dtype: torch.dtype, context: int | None) -> tuple[int, int]:
    """Bytes of the weights and of one conversation, found without memory for either."""
    with torch.device("meta"):  # upstream leaves some layers on the device of the context
        lm = checkpoint.get_moshi("meta", dtype=dtype, load_weight=False)
    mimi = checkpoint.get_mimi("cpu")
    weights = sum(weight.nbytes for part in (lm, mimi) for weight in part.parameters())
    return weights, _row_bytes(lm, mimi, context)


def _row_bytes(lm: LMModel, mimi: MimiModel, context: int | None) -> int:
    single = RowState(1, torch.device("meta"))
    Codec(mimi, single), LanguageModel(lm, single, context)
    return single.bytes_per_row
