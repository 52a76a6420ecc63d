"""Moshi's language model: from the user's codes to text and the model's codes, one step at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from moshi.models import LMModel
from torch import Tensor

from moshi_backend.errors import structure as errors
from moshi_backend.model.attention.ring import ExportedKV
from moshi_backend.model.block import linear
from moshi_backend.model.depformer import Depformer
from moshi_backend.model.embedding import StreamEmbedding
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.plan import Plan
from moshi_backend.model.prompt import DelayPattern
from moshi_backend.model.sampling import Sampler
from moshi_backend.model.state import SLOTS, SlotState
from moshi_backend.model.tokens import NO_TOKEN
from moshi_backend.model.transformer import RingTransformer
from moshi_service.errors import InvalidValue


@dataclass(frozen=True)
class StepControls:
    """How the tokens of one step come about. The first of `streams` is text, the others are the model's codebooks.

    Attributes:
        forced: int64 [slots, streams]; a token that the slot must say, or NO_TOKEN.
        uniform: random numbers in [0, 1), float32 [slots, streams].
        text, audio: temperature and top-k of the slot's text and audio tokens, float32 [slots, 2].
        recordable: whether the step must call the same operations whatever the values are, as a CUDA graph demands.
    """

    forced: Tensor
    uniform: Tensor
    text: Tensor
    audio: Tensor
    recordable: bool


type Sample = Callable[[int, Tensor], Tensor]
"""From the number of a stream, 0 for text, and its logits, [slots, vocabulary], to its tokens, int64 [slots]."""


class LanguageModel:
    """Streams of tokens, each with its own delay: text, the model's codebooks, the user's codebooks.

    Raises:
        InvalidValue: an option that no Moshi has.
    """

    def __init__(self, lm: LMModel, state: SlotState, plan: Plan) -> None:
        if lm.fuser is not None or lm.condition_provider is not None:
            raise InvalidValue(errors.unsupported_conditions())
        self.delay_pattern = DelayPattern(
            tuple(lm.delays), lm.text_initial_token_id, lm.initial_token_id, lm.text_padding_token_id, lm.dep_q
        )
        self.width: int = lm.dim
        """Of an embedding."""
        self.codebook_size: int = lm.card
        self._model_streams = self.delay_pattern.model_streams
        self._max_delay = max(lm.delays)
        self._transformer = RingTransformer(lm.transformer, state, plan, lm.out_norm)
        self.context = self._transformer.capacity
        """Steps that it remembers."""
        self._text_head = linear(lm.text_linear)
        self._vocabularies = (lm.text_linear.weight.shape[0], lm.card)
        fused = plan.kernels is not None and plan.kernels.takes_logits(lm.dtype)
        self._kernels = plan.kernels if fused else None
        self._depformer = Depformer(lm, state.slots, plan.kernels)
        device = state.device
        self._embedding = StreamEmbedding([lm.text_emb, *lm.emb], plan.kernels)
        self._initial = torch.tensor([lm.text_initial_token_id, *[lm.initial_token_id] * lm.n_q], device=device)
        self._delays = torch.tensor(lm.delays, device=device)
        # The ring of tokens is as long as a token may have to wait, so that none is overwritten before it is read.
        self._span = self._max_delay + 2
        self._tokens = state.allocate((SLOTS, lm.num_codebooks, self._span), torch.int64)

    @property
    def steps(self) -> Tensor:
        """How many steps each slot has made, int64 [all slots]."""
        return self._transformer.steps

    def step(self, user_codes: Tensor, keep: Tensor, first: Tensor, controls: StepControls) -> tuple[Tensor, Tensor]:
        """One step of the first slots, as many as `user_codes` has.

        Args:
            user_codes: int64 [slots, codebooks]; the model takes the first ones, as many as it has user codebooks.
            keep: booleans [slots]; the step of the other slots is as if it had not been.
            first: booleans [slots]; these slots take, instead of `user_codes`, what `write_tokens` has written.
        Returns:
            tokens [slots, 1 + model codebooks] that belong to the same moment, and booleans [slots]: whether there are
            any yet, for they lag behind by the longest delay.
        """
        slots = user_codes.shape[0]
        steps = self._transformer.steps[:slots]
        now = steps.clone()[:, None]
        tokens = self._tokens[:slots]
        user = tokens[:, self._model_streams :]
        user_codes = user_codes[:, : user.shape[1]]
        places = ((now + self._delays[self._model_streams :]) % self._span)[..., None]
        user.scatter_(2, places, torch.where(first[:, None, None], user.gather(2, places), user_codes[..., None]))

        current = tokens.gather(2, (now % self._span)[..., None].expand(-1, tokens.shape[1], 1))[..., 0]
        current = torch.where(now <= self._delays, self._initial, current)
        hidden = self._transformer(self._embedding(current)[:, None], keep)
        sample = self._sampler(controls)
        text = sample(0, self._text_head(hidden)[:, 0])
        sampled = torch.stack((text, *self._depformer(hidden, text, sample)), dim=1)

        own = tokens[:, : self._model_streams]
        after = now + 1
        own.scatter_(2, (after % self._span)[..., None].expand(-1, self._model_streams, 1), sampled[..., None])
        places = (after - self._max_delay + self._delays[: self._model_streams]) % self._span
        # After a prompt the first step's tokens are the prompt's own, and nobody is to hear them.
        ready = keep & (after[:, 0] > self._max_delay) & ~(first & (now[:, 0] > 0))
        return own.gather(2, places[..., None])[..., 0], ready

    def prefill(self, slot: int, start: int, tokens: Tensor, embedded: Tensor | None) -> None:
        """Steps of one slot whose inputs are all known; nothing is sampled in them.

        Args:
            start: steps that the slot has made.
            tokens: of successive positions, int64 [positions, streams], on any device.
            embedded: what to feed instead of the tokens' embeddings, [positions, width].
        """
        if embedded is None:
            embedded = self._embedding(tokens)
        self._transformer.prefill(slot, start, embedded.to(self._embedding.weight)[None])

    def write_tokens(self, slot: int, position: int, tokens: Tensor) -> None:
        """Put tokens, int64 [positions, streams], where the slot's next steps look for them, from `position` on."""
        places = torch.arange(position, position + len(tokens)) % self._span
        self._tokens[slot, :, places] = tokens.t().to(self._tokens.device)

    def fill_kv(self, slot: int) -> None:
        """Random keys and values for every step that the slot remembers."""
        self._transformer.fill_kv(slot)

    def export_kv(self, slot: int, steps: int) -> ExportedKV:
        """Keys and values of the slot's first steps."""
        return self._transformer.export_kv(slot, steps)

    def import_kv(self, slot: int, kv: ExportedKV) -> int:
        """Begin a cleared slot with what `export_kv` returned. Returns how many steps that is."""
        return self._transformer.import_kv(slot, kv)

    def _sampler(self, controls: StepControls) -> Sample:
        if self._kernels is not None:
            return partial(_sample, self._kernels, controls)
        return _StepSampler(controls, self._vocabularies)


def _sample(kernels: Kernels, controls: StepControls, stream: int, logits: Tensor) -> Tensor:
    kind = controls.audio if stream else controls.text
    return kernels.sample(logits, controls.uniform[:, stream], kind, controls.forced[:, stream])


class _StepSampler:
    """Each token of one step as its slot wants it: forced, or sampled."""

    def __init__(self, controls: StepControls, vocabularies: tuple[int, int]) -> None:
        self._text = Sampler(controls.text, vocabularies[0], controls.recordable)
        self._audio = Sampler(controls.audio, vocabularies[1], controls.recordable)
        self._forced = controls.forced.unbind(1)
        self._free = (controls.forced == NO_TOKEN).unbind(1)
        self._uniform = controls.uniform.split(1, dim=1)

    def __call__(self, stream: int, logits: Tensor) -> Tensor:
        sampled = (self._audio if stream else self._text)(logits, self._uniform[stream])
        return torch.where(self._free[stream], sampled, self._forced[stream])
