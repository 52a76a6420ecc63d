"""The depformer: the small transformer that predicts the audio tokens of one step, one codebook after the other."""

from collections.abc import Callable
from functools import partial

import torch
from moshi.models import LMModel
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_backend.model.block import Block, linear, norm
from moshi_backend.model.embedding import plain_weight
from moshi_service.errors import InvalidValue


class Depformer:
    """Each codebook has weights of its own, unless the model's schedule shares them.

    Args:
        slots: the most slots of one step.
    Raises:
        InvalidValue: the model has no depformer, or one with an option that no Moshi has.
    """

    def __init__(self, lm: LMModel, slots: int) -> None:
        module = lm.depformer
        if module is None:
            raise InvalidValue(errors.unsupported_without_depformer())
        first = module.layers[0].self_attn
        if module.positional_embedding != "none" or not first.weights_per_step:
            raise InvalidValue(errors.unsupported_depformer())
        self._blocks = [Block.of(layer) for layer in module.layers]
        self._weights: list[int] = list(lm.depformer_weights_per_step_schedule or range(lm.dep_q))
        entrances = self._weights if lm.depformer_multi_linear else [0] * lm.dep_q
        self._enter = [linear(lm.depformer_in[entrance]) for entrance in entrances]
        self._embeddings = [plain_weight(embedding) for embedding in (lm.depformer_text_emb, *lm.depformer_emb)]
        self._norms = [norm(module) for module in lm.depformer_norms]
        self._heads = [linear(module) for module in lm.linears]
        shape = (len(self._blocks), 2, slots, first.num_heads, lm.dep_q, first.embed_dim // first.num_heads)
        self._kv = torch.zeros(shape, dtype=lm.dtype, device=lm.device)

    def __call__(self, hidden: Tensor, token: Tensor, sample: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
        """Predict the audio tokens of one step.

        Args:
            hidden: the temporal transformer's output, [slots, 1, width].
            token: the text token, int64 [slots].
            sample: from the stream's number (1 for the first codebook) and its logits, [slots, codes], to the token.
        Returns:
            a token for each codebook, int64 [slots].
        """
        tokens = []
        kvs = self._kv[:, :, : len(token)]
        for codebook, (enter, embedding) in enumerate(zip(self._enter, self._embeddings, strict=True)):
            x = enter(hidden) + F.embedding(token, embedding)[:, None]
            for block, kv in zip(self._blocks, kvs, strict=True):
                x = block.attended(x, partial(self._attend, block, kv, codebook))
                x = block.fed(x, self._weights[codebook])
            token = sample(codebook + 1, self._heads[codebook](self._norms[codebook](x))[:, 0])
            tokens.append(token)
        return tokens

    def _attend(self, block: Block, kv: Tensor, codebook: int, x: Tensor) -> Tensor:
        slots, _, width = x.shape
        weights = self._weights[codebook]
        projected = block.enter[weights](x).view(slots, 3, block.heads, 1, width // block.heads)
        kv[:, :, :, codebook : codebook + 1] = projected[:, 1:].transpose(0, 1)
        keys, values = kv[:, :, :, : codebook + 1]
        out = F.scaled_dot_product_attention(projected[:, 0], keys, values)
        return block.leave[weights](out.transpose(1, 2).reshape(slots, 1, width))
