"""The embeddings of all token streams, looked up together."""

from functools import reduce
from itertools import accumulate

import torch
from moshi.models.lm_utils import ScaledEmbedding
from torch import Tensor
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_service.errors import InvalidValue


class StreamEmbedding:
    """The tables of all streams in one, so that one look-up serves all of them.

    The modules are left with views of the table, so that the weights are not held twice.

    Args:
        embeddings: one for each stream, text first.
    Raises:
        InvalidValue: an option that no Moshi has.
    """

    def __init__(self, embeddings: list[ScaledEmbedding]) -> None:
        self.weight = torch.cat([plain_weight(embedding) for embedding in embeddings])
        """[entries of all streams, width]."""
        sizes = [embedding.weight.shape[0] for embedding in embeddings]
        starts = [0, *accumulate(sizes)][:-1]
        for embedding, start, size in zip(embeddings, starts, sizes, strict=True):
            embedding.weight.data = self.weight[start : start + size]
        self._starts = torch.tensor(starts, device=self.weight.device)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens, int64 [positions, streams], to the sums of their embeddings, [positions, width].

        The order is upstream's, audio first and text last: each addition rounds, so in 16 bits another order gives
        other tokens.
        """
        text, *audio = F.embedding(tokens.to(self._starts.device) + self._starts, self.weight).unbind(1)
        return reduce(torch.add, [*audio, text])


def plain_weight(embedding: ScaledEmbedding) -> Tensor:
    """The table of an upstream embedding, [entries, width].

    Raises:
        InvalidValue: it does more than look up.
    """
    if embedding.norm is not None or embedding.low_rank is not None or embedding.demux_second_stream:
        raise InvalidValue(errors.unsupported_embedding())
    weight = embedding.weight.data
    assert isinstance(weight, Tensor)
    return weight
