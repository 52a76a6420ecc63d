"""The batch that the engine holds: conversations join slots, and a step moves those that have a frame.

Everything here runs on one thread, the engine's.
"""

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from moshi.models import LMModel, MimiModel
from numpy.typing import NDArray

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.model.capacity import MOST_SLOTS, SLOTS_PER_CORE, Needs, choose_slots
from moshi_backend.model.codec import Codec
from moshi_backend.model.cuda_graphs import CudaGraphRunner, RecordingCost, graph_sizes, measure_recording
from moshi_backend.model.device import choose_threads, free_memory, keep_working_memory
from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.loaders import build_moshi, load_mimi, load_moshi, load_tokenizer
from moshi_backend.model.plan import Plan
from moshi_backend.model.prefill import Prefill, PromptKVCache
from moshi_backend.model.prompt import Prompt
from moshi_backend.model.sampling import RandomNumbers, SamplingParams
from moshi_backend.model.state import SlotState
from moshi_backend.model.step import Step
from moshi_backend.model.text import token_bytes
from moshi_backend.model.tokens import NO_TOKEN

TRIAL_SLOTS = 8
"""Slots of the recording that is measured before the number of slots is chosen."""


@dataclass(frozen=True)
class ForcedTokens:
    """Tokens that a slot must say: text, and one for each of the model's codebooks. None: they are sampled."""

    text: int | None = None
    audio: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Frame:
    """The output of one slot in one step.

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
        plan: how the language model runs.
        cuda_graphs: replay steps as CUDA graphs; only on a GPU.
        prompt_cache: bytes of the host's memory for the keys and values of voices.

    Raises:
        InvalidValue: the model has a part that no Moshi has.
        DoesNotFit: the slots do not fit into the memory.
    """

    @torch.inference_mode()
    def __init__(
        self,
        checkpoint: Checkpoint,
        slots: int | None,
        device: torch.device,
        dtype: torch.dtype,
        plan: Plan = Plan(),  # noqa: B008  # it is frozen
        cuda_graphs: bool = True,
        prompt_cache: int = 0,
    ) -> None:
        self.device = device
        self._on_gpu = device.type == "cuda"
        if self._on_gpu:
            torch.cuda.set_device(device)  # the thread's streams, graphs and events are then this GPU's
        lm = load_moshi(checkpoint, device, dtype)
        mimi = load_mimi(checkpoint, device)
        choose_threads(sum(weight.numel() for weight in lm.parameters()))
        keep_working_memory(device)
        self.sampling = SamplingParams.of(checkpoint.lm_gen_config)
        """The sampling parameters that the checkpoint recommends."""
        silent = (lm.text_padding_token_id, lm.end_of_text_padding_id)
        self.vocabulary = token_bytes(load_tokenizer(checkpoint), lm.text_card, silent)
        """The UTF-8 bytes of each text token."""
        self.sample_rate = checkpoint.sample_rate
        """Hz."""
        self.frame_size = checkpoint.frame_size
        """Samples."""
        self.frame_seconds = 1 / checkpoint.frame_rate
        self.slot_bytes = _slot_bytes(lm, mimi, plan)
        """Memory of one slot."""
        self.weight_bytes = sum(
            weight.nbytes
            for part in (*lm.modules(), *mimi.modules())
            if not isinstance(part, torch.nn.Embedding)
            for weight in part.parameters(recurse=False)
        )
        """Bytes of the weights that every step reads. It reads only a few lines of embeddings, so they do not count."""
        replayed = self._on_gpu and cuda_graphs
        needs = Needs(self.slot_bytes)
        if replayed and needs.fitting(free_memory(device)):
            # Half of what would fit: the working memory and the graphs are not known yet.
            trial = min(TRIAL_SLOTS, max(1, needs.fitting(free_memory(device)) // 2))
            needs = _recorded(needs, _recording_cost(lm, mimi, plan, self.frame_size, trial, device), device)
        most = MOST_SLOTS if self._on_gpu else SLOTS_PER_CORE * (os.cpu_count() or 1)
        self.slots = slots = choose_slots(slots, needs, free_memory(device), most)
        self._state = SlotState(slots, device)
        self._language = language = LanguageModel(lm, self._state, plan)
        self.delay_pattern = language.delay_pattern
        self.width = language.width
        """Of an embedding."""
        self.codebook_size = language.codebook_size
        self.context = language.context
        """Steps that it remembers."""
        self._prompt_cache = PromptKVCache(prompt_cache)
        self._prefills: dict[int, Prefill] = {}
        self.batch_sizes = graph_sizes(slots, device)
        """The numbers of slots that a step may run for."""
        self._step = Step(Codec(mimi, self._state), language, self.frame_size, slots, device)
        self._inputs = self._step.inputs.cpu().pin_memory() if self._on_gpu else self._step.inputs
        self._outputs = self._step.outputs.cpu().pin_memory() if self._on_gpu else self._step.outputs
        self._in = self._inputs.numpy().view(self._step.input)[:, 0]
        self._out = self._outputs.numpy().view(self._step.output)[:, 0]
        self._done = torch.cuda.Event(blocking=True) if self._on_gpu else None  # others spin on a core while they wait
        self._random: dict[int, RandomNumbers] = {}
        self._run: Callable[[int], None] = CudaGraphRunner(self._step, self.batch_sizes) if replayed else self._step

    @torch.inference_mode()
    def join(self, slot: int, sampling: SamplingParams, prompt: Prompt | None = None) -> None:
        """Give `slot` to a new conversation. Nothing of the one before is left.

        With a prompt it may only step after `prefill` has gone through it.
        """
        self._state.clear(slot)
        self._prefills.pop(slot, None)
        self._random[slot] = RandomNumbers(sampling, self.delay_pattern.model_codebooks)
        self._in[slot] = np.zeros((), self._in.dtype)
        self._in["forced"][slot] = NO_TOKEN
        self._in["text"][slot] = sampling.text.controls
        self._in["audio"][slot] = sampling.audio.controls
        self._in["first"][slot] = 1
        if prompt is not None:
            assert prompt.steps < self.context
            self._prefills[slot] = Prefill(self._language, self._prompt_cache, slot, prompt)

    @torch.inference_mode()
    def fill_window(self, slot: int) -> None:
        """Go on as if the slot's conversation had lasted as long as the model remembers, for measurements: a step costs
        more then. Its keys and values are random, because a GPU needs less power for zeros and may run faster. Its
        output means nothing, until another conversation joins."""
        self._language.fill_kv(slot)
        self._language.steps[slot] = self.context

    @torch.inference_mode()
    def prefill(self, slot: int, positions: int) -> Prefill:
        """One chunk of the slot's prompt, of so many positions at most. The prefill is over when all of it is done."""
        prefill = self._prefills[slot]
        if prefill.done < prefill.total:
            prefill.advance(positions)
        self._wait()
        if prefill.done == prefill.total:
            self._in["forced"][slot] = prefill.forced
        return prefill

    @torch.inference_mode()
    def step(
        self, frames: Mapping[int, NDArray[np.float32]], forced: Mapping[int, ForcedTokens] | None = None
    ) -> dict[int, Frame]:
        """One step of the slots in `frames`; the others do not move.

        Args:
            frames: slot to float32 samples [frame_size]. What is not a number becomes silence.
            forced: tokens that slots must say in this step.
        Returns:
            the output of each slot. A slot is missing until the model's delays have filled.
        """
        slots = next(size for size in self.batch_sizes if size > max(frames))
        inputs = self._in[:slots]
        samples, active, uniform = inputs["samples"], inputs["active"], inputs["uniform"]
        active[:] = 0
        for slot, frame in frames.items():
            samples[slot] = frame
            active[slot] = 1
            self._random[slot].draw(uniform[slot])
        for slot, tokens in (forced or {}).items():
            self._force(slot, tokens)
        self._exchange(slots)
        for slot in frames:
            inputs["forced"][slot] = NO_TOKEN
            inputs["first"][slot] = 0
        said = self._out["tokens"]
        return {slot: self._frame(slot) for slot in frames if said[slot, 0] != NO_TOKEN}

    def _exchange(self, slots: int) -> None:
        if self._done is None:
            self._run(slots)
            return
        self._step.inputs[:slots].copy_(self._inputs[:slots], non_blocking=True)
        self._run(slots)
        self._outputs[:slots].copy_(self._step.outputs[:slots], non_blocking=True)
        self._wait()

    def _wait(self) -> None:
        """Until the device has done everything."""
        if self._done is not None:
            self._done.record()
            self._done.synchronize()

    def _force(self, slot: int, tokens: ForcedTokens) -> None:
        forced = self._in["forced"][slot]
        if tokens.text is not None:
            forced[0] = tokens.text
        if tokens.audio is not None:
            forced[1:] = tokens.audio

    def _frame(self, slot: int) -> Frame:
        out = self._out[slot]
        return Frame(out["samples"].copy(), tuple(int(token) for token in out["tokens"]))


def required_memory(checkpoint: Checkpoint, dtype: torch.dtype, plan: Plan) -> tuple[int, int]:
    """Bytes of the weights and of one slot, found without memory for either.

    Raises:
        InvalidValue: the model has a part that no Moshi has.
    """
    with torch.device("meta"):  # upstream leaves some layers on the device of the context
        lm = build_moshi(checkpoint, "meta", dtype)
    mimi = load_mimi(checkpoint, "cpu")
    weights = sum(weight.nbytes for part in (lm, mimi) for weight in part.parameters())
    return weights, _slot_bytes(lm, mimi, plan)


def _slot_bytes(lm: LMModel, mimi: MimiModel, plan: Plan) -> int:
    single = SlotState(1, torch.device("meta"))
    Codec(mimi, single), LanguageModel(lm, single, plan)
    return single.bytes_per_slot


def _recorded(needs: Needs, cost: RecordingCost, device: torch.device) -> Needs:
    """The needs of slots whose steps are recorded."""
    return Needs(needs.slot + cost.slot, cost.graph, needs.reserve, lambda slots: len(graph_sizes(slots, device)))


def _recording_cost(
    lm: LMModel, mimi: MimiModel, plan: Plan, frame_size: int, slots: int, device: torch.device
) -> RecordingCost:
    """Record steps of a few slots and forget them. What libraries take at the first step they keep."""
    state = SlotState(slots, device)
    step = Step(Codec(mimi, state), LanguageModel(lm, state, plan), frame_size, slots, device)
    step(slots)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    allocated = torch.cuda.memory_allocated(device)
    step(slots)
    torch.cuda.synchronize(device)
    working = torch.cuda.max_memory_allocated(device) - allocated
    runner = CudaGraphRunner(step, [])
    try:
        return measure_recording(runner.record, slots, lambda: torch.cuda.mem_get_info(device)[0], lambda: working)
    finally:
        del runner, step, state
        gc.collect()
        torch.cuda.empty_cache()
