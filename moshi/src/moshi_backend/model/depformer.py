"""The depformer: the small transformer that predicts the audio tokens of one step, one codebook after the other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from moshi.models import LMModel
from torch import Tensor, nn
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_backend.model.block import Block, Residual, add_norm, linear
from moshi_backend.model.embedding import plain_weight
from moshi_backend.model.kernels.operations import Kernels
from moshi_service.errors import InvalidValue


class Depformer:
    """Each codebook has weights of its own, unless the model's schedule shares them.

    Args:
        slots: the most slots of one step.
        kernels: of our own, if they run on the device.
    Raises:
        InvalidValue: the model has no depformer, or one with an option that no Moshi has.
    """

    def __init__(self, lm: LMModel, slots: int, kernels: Kernels | None = None) -> None:
        module = lm.depformer
        if module is None:
            raise InvalidValue(errors.unsupported_without_depformer())
        first = module.layers[0].self_attn
        if module.positional_embedding != "none" or not first.weights_per_step:
            raise InvalidValue(errors.unsupported_depformer())
        self._blocks = [Block.of(layer, kernels) for layer in module.layers]
        self._weights: list[int] = list(lm.depformer_weights_per_step_schedule or range(lm.dep_q))
        entrances = self._weights if lm.depformer_multi_linear else [0] * lm.dep_q
        self._enter = JoinedLinear([lm.depformer_in[entrance] for entrance in entrances])
        self._embeddings = [plain_weight(embedding) for embedding in (lm.depformer_text_emb, *lm.depformer_emb)]
        self._norms = [add_norm(module, kernels) for module in lm.depformer_norms]
        self._heads = [linear(module) for module in lm.linears]
        head = first.embed_dim // first.num_heads
        shape = (len(self._blocks), 2, slots, first.num_heads, lm.dep_q, head)
        fused = kernels is not None and kernels.takes_codebooks(head, lm.dep_q, lm.dtype)
        self._attend = kernels.attend_codebooks if kernels is not None and fused else attend_codebooks
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
        for codebook, (entered, embedding) in enumerate(zip(self._enter(hidden), self._embeddings, strict=True)):
            residual = Residual(entered, F.embedding(token, embedding)[:, None])
            for block, kv in zip(self._blocks, kvs, strict=True):
                residual = block(residual, partial(self._attend, kv, codebook), self._weights[codebook])
            normed = self._norms[codebook](residual)[1]
            token = sample(codebook + 1, self._heads[codebook](normed)[:, 0])
            tokens.append(token)
        return tokens


def attend_codebooks(kv: Tensor, codebook: int, projected: Tensor) -> Tensor:
    """One layer's attention of one codebook to those before it.

    Args:
        kv: keys and values, [2, slots, heads, codebooks, head]. This codebook's are written.
        projected: query, key and value, [slots, 1, 3 * width].
    """
    _, slots, heads, _, head = kv.shape
    split = projected.view(slots, 3, heads, 1, head)
    kv[:, :, :, codebook : codebook + 1] = split[:, 1:].transpose(0, 1)
    keys, values = kv[:, :, :, : codebook + 1]
    out = F.scaled_dot_product_attention(split[:, 0], keys, values)
    return out.view(slots, 1, heads * head)


class JoinedLinear:
    """Several linear layers of the same input, as one product.

    The modules are left with views of the joined weights, so that these are not held twice. Layers that are adapted, or
    have a bias, stay as they are.
    """

    def __init__(self, modules: list[nn.Module]) -> None:
        plain = all(type(module) is nn.Linear and module.bias is None for module in modules)
        self._weight: Tensor | None = None
        self._each = [linear(module) for module in modules]
        self._count = len(modules)
        if plain and len({*modules}) == len(modules):
            self._weight = torch.cat([cast(nn.Linear, module).weight.data for module in modules])
            for module, part in zip(modules, self._weight.chunk(len(modules)), strict=True):
                cast(nn.Linear, module).weight.data = part

    def __call__(self, x: Tensor) -> Sequence[Tensor]:
        """The output of each layer."""
        if self._weight is None:
            return [each(x) for each in self._each]
        return F.linear(x, self._weight).chunk(self._count, dim=-1)
