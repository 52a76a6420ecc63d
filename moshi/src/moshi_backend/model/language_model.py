"""Moshi's language model: codes heard to text and codes said, one step at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from itertools import accumulate

import torch
from moshi.models import LMModel
from moshi.models.lm_utils import ScaledEmbedding
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.model.block import Block, linear, norm
from moshi_backend.model.prompt import DelayPattern
from moshi_backend.model.sampling import Sampler
from moshi_backend.model.state import ROWS, RowState
from moshi_backend.model.transformer import RingTransformer

SAMPLED = -1
"""In `Controls.given`: choose this token."""


@dataclass(frozen=True)
class Controls:
    """How each row's tokens of one step come about. The first of `tokens` is text, the rest audio.

    Attributes:
        given: int64 [rows, tokens]; a token that the row must say, or SAMPLED.
        chance: float32 [rows, tokens].
        text, audio: each the temperature and top-k of its tokens, float32 [rows, 2].
    """

    given: Tensor
    chance: Tensor
    text: Tensor
    audio: Tensor


class LanguageModel:
    """Streams of tokens, each with its own delay: text, what the model says, what it hears.

    Args:
        context: steps to remember, if fewer than the model can.
    Raises:
        ValueError: an option that no Moshi has.
    """

    def __init__(self, lm: LMModel, state: RowState, context: int | None) -> None:
        if lm.fuser is not None or lm.condition_provider is not None:
            raise ValueError("a model that takes conditions is not supported")
        self.said: int = 1 + lm.dep_q
        self._delay: int = max(lm.delays)
        self.pattern = DelayPattern(
            tuple(lm.delays), lm.text_initial_token_id, lm.initial_token_id, self.said, lm.text_padding_token_id
        )
        self.width: int = lm.dim
        self.codes: int = lm.card
        self._transformer = RingTransformer(lm.transformer, state, capacity=context)
        self.context = self._transformer.capacity
        self._norm = norm(lm.out_norm)
        self._text_head = linear(lm.text_linear)
        self._vocabularies = (lm.text_linear.weight.shape[0], lm.card)
        self._depformer = Depformer(lm, state.rows)
        device = state.device
        self._table, self._base = _one_table([lm.text_emb, *lm.emb])
        self._first = torch.tensor([lm.text_initial_token_id, *[lm.initial_token_id] * lm.n_q], device=device)
        self._delays = torch.tensor(lm.delays, device=device)
        # The ring of tokens is as long as a token may have to wait, so that none is overwritten before it is read.
        self._span = self._delay + 2
        self._tokens = state.allocate((ROWS, lm.num_codebooks, self._span), torch.int64)

    @property
    def steps(self) -> Tensor:
        """How many steps each row has made, int64 [all rows]."""
        return self._transformer.steps

    def step(self, heard: Tensor, keep: Tensor, opening: Tensor, controls: Controls) -> tuple[Tensor, Tensor]:
        """One step of the first rows, as many as `heard` has; only rows of `keep` go on.

        Args:
            heard: codes [rows, codebooks]; a model may hear only the first ones.
            opening: booleans [rows]; instead of `heard`, what `prefill` has put there, if anything.
        Returns:
            tokens [rows, 1 + audio codebooks] that belong to the same moment, and booleans [rows]: whether there are
            any yet, for they lag behind by the longest delay.
        """
        rows = heard.shape[0]
        steps = self._transformer.steps[:rows]
        now = steps.clone()[:, None]
        tokens = self._tokens[:rows]
        hearing = tokens[:, self.said :]
        heard = heard[:, : hearing.shape[1]]
        hears = ((now + self._delays[self.said :]) % self._span)[..., None]
        hearing.scatter_(2, hears, torch.where(opening[:, None, None], hearing.gather(2, hears), heard[..., None]))

        current = tokens.gather(2, (now % self._span)[..., None].expand(-1, tokens.shape[1], 1))[..., 0]
        current = torch.where(now <= self._delays, self._first, current)
        hidden = self._norm(self._transformer(self._embed(current)[:, None], keep))
        choose = _Chooser(controls, self._vocabularies)
        text = choose(0, self._text_head(hidden)[:, 0])
        chosen = torch.stack((text, *self._depformer(hidden, text, choose)), dim=1)

        saying = tokens[:, : self.said]
        after = now + 1
        saying.scatter_(2, (after % self._span)[..., None].expand(-1, self.said, 1), chosen[..., None])
        spoken = (after - self._delay + self._delays[: self.said]) % self._span
        # After a prefix the first step's tokens are the prefix's own, and nobody is to hear them.
        ready = keep & (after[:, 0] > self._delay) & ~(opening & (now[:, 0] > 0))
        return saying.gather(2, spoken[..., None])[..., 0], ready

    def prefill(self, row: int, tokens: Tensor, embedded: Tensor | None) -> None:
        """Steps of one row whose inputs are all known; nothing is chosen in them.

        Args:
            tokens: of successive positions, [positions, streams]; wherever they are.
            embedded: what to feed instead of the tokens' embeddings, [positions, width].
        """
        if embedded is None:
            embedded = self._embed(tokens.to(self._base.device))
        self._transformer.prefill(row, embedded.to(self._table)[None])

    def _embed(self, tokens: Tensor) -> Tensor:
        """Tokens [positions, streams] to the sums of their embeddings, [positions, width].

        The order is upstream's, audio first and text last: each addition rounds, so in 16 bits another order gives
        other tokens.
        """
        text, *audio = F.embedding(tokens + self._base, self._table).unbind(1)
        return reduce(torch.add, [*audio, text])

    def hold(self, row: int, position: int, tokens: Tensor) -> None:
        """Put tokens, [positions, streams], where the row's next steps look for them, from `position` on."""
        places = torch.arange(position, position + len(tokens)) % self._span
        self._tokens[row, :, places] = tokens.t().to(self._tokens.device)

    def remembered(self, row: int, steps: int) -> Tensor:
        """The row's first steps, to be given to `remember`: [layers, 2, heads, steps, head], in the host's memory."""
        return self._transformer.remembered(row, steps)

    def remember(self, row: int, past: Tensor) -> None:
        """Begin the row with steps that another row has made."""
        self._transformer.remember(row, past)


class _Chooser:
    """Each token of one step as its row wants it: given, or sampled."""

    def __init__(self, controls: Controls, vocabularies: tuple[int, int]) -> None:
        self._text, self._audio = map(Sampler, (controls.text, controls.audio), vocabularies)
        self._given = controls.given.unbind(1)
        self._free = (controls.given == SAMPLED).unbind(1)
        self._chance = controls.chance.split(1, dim=1)

    def __call__(self, token: int, logits: Tensor) -> Tensor:
        sampled = (self._audio if token else self._text)(logits, self._chance[token])
        return torch.where(self._free[token], sampled, self._given[token])


class Depformer:
    """The small transformer that says a step's audio tokens one after the other, each with weights of its own."""

    def __init__(self, lm: LMModel, rows: int) -> None:
        module = lm.depformer
        if module is None:
            raise ValueError("a model without a depformer does not speak")
        first = module.layers[0].self_attn
        if module.positional_embedding != "none" or not first.weights_per_step:
            raise ValueError("a depformer with positions, or without weights for each step, is not supported")
        self._blocks = [Block.of(layer) for layer in module.layers]
        self._weights: list[int] = list(lm.depformer_weights_per_step_schedule or range(lm.dep_q))
        entrances = self._weights if lm.depformer_multi_linear else [0] * lm.dep_q
        self._enter = [linear(lm.depformer_in[entrance]) for entrance in entrances]
        self._embeddings = [_plain(embedding) for embedding in (lm.depformer_text_emb, *lm.depformer_emb)]
        self._norms = [norm(module) for module in lm.depformer_norms]
        self._heads = [linear(module) for module in lm.linears]
        shape = (len(self._blocks), 2, rows, first.num_heads, lm.dep_q, first.embed_dim // first.num_heads)
        self._past = torch.zeros(shape, dtype=lm.dtype, device=lm.device)

    def __call__(self, hidden: Tensor, token: Tensor, choose: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
        """Audio tokens, each [rows].

        Args:
            hidden: the temporal transformer's output, [rows, 1, width].
            token: the text token, [rows].
            choose: from the token's number in the step and its logits to the token.
        """
        tokens = []
        pasts = self._past[:, :, : len(token)]
        for step, (enter, embedding) in enumerate(zip(self._enter, self._embeddings, strict=True)):
            x = enter(hidden) + F.embedding(token, embedding)[:, None]
            for block, past in zip(self._blocks, pasts, strict=True):
                x = block.attended(x, partial(self._attend, block, past, step))
                x = block.fed(x, self._weights[step])
            token = choose(step + 1, self._heads[step](self._norms[step](x))[:, 0])
            tokens.append(token)
        return tokens

    def _attend(self, block: Block, past: Tensor, step: int, x: Tensor) -> Tensor:
        rows, _, width = x.shape
        weights = self._weights[step]
        projected = block.enter[weights](x).view(rows, 3, block.heads, 1, width // block.heads)
        past[:, :, :, step : step + 1] = projected[:, 1:].transpose(0, 1)
        keys, values = past[:, :, :, : step + 1]
        out = F.scaled_dot_product_attention(projected[:, 0], keys, values)
        return block.leave[weights](out.transpose(1, 2).reshape(rows, 1, width))


def _one_table(embeddings: list[ScaledEmbedding]) -> tuple[Tensor, Tensor]:
    """Every embedding below the other, and where each begins, so that one look-up serves all.

    The modules are left with views of the table, so that the weights are not held twice.
    """
    table = torch.cat([_plain(embedding) for embedding in embeddings])
    sizes = [embedding.weight.shape[0] for embedding in embeddings]
    starts = [0, *accumulate(sizes)][:-1]
    for embedding, start, size in zip(embeddings, starts, sizes, strict=True):
        embedding.weight.data = table[start : start + size]
    return table, torch.tensor(starts, device=table.device)


def _plain(embedding: ScaledEmbedding) -> Tensor:
    if embedding.norm is not None or embedding.low_rank is not None or embedding.demux_second_stream:
        raise ValueError("embeddings with a norm, of low rank or with a second stream are not supported")
    weight = embedding.weight.data
    assert isinstance(weight, Tensor)
    return weight
