"""Mimi's residual vector quantizer, between a latent and its codes."""

import torch
from moshi.quantization import SplitResidualVectorQuantizer
from torch import Tensor
from torch.nn import functional as F


class Quantizer:
    """[slots, width] to codes [slots, codebooks] and back.

    What upstream computes in each call is computed once: the codebooks' squared lengths, and for decoding their
    projections.
    """

    def __init__(self, module: SplitResidualVectorQuantizer) -> None:
        self._stages = [_Stage(part) for part in (module.rvq_first, module.rvq_rest)]
        tables = [table for stage in self._stages for table in stage.projected()]
        self._table = torch.cat(tables)
        bins = tables[0].shape[0]
        self._base = torch.arange(len(tables), device=self._table.device) * bins

    def encode(self, latent: Tensor) -> Tensor:
        """[slots, width] to codes [slots, codebooks], coarsest first."""
        return torch.stack([code for stage in self._stages for code in stage.encode(latent)], dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """A model may predict fewer codes than there are codebooks; the first ones are coarsest."""
        return F.embedding(codes + self._base[: codes.shape[1]], self._table).sum(1)


class _Stage:
    """One chain of codebooks, each for what the one before it left over."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._input = module.input_proj.weight[:, :, 0]
        self._output = module.output_proj.weight[:, :, 0]
        self._books = [layer.embedding for layer in module.vq.layers[: module.n_q]]
        # The nearest entry by |e|² - 2xe: the |x|² that is missing is the same for all of them.
        self._search = [(book.square().sum(1), -2 * book.t()) for book in self._books]

    def encode(self, latent: Tensor) -> list[Tensor]:
        rest = latent @ self._input.t()
        codes = []
        for book, (squares, doubled) in zip(self._books, self._search, strict=True):
            code = torch.addmm(squares, rest, doubled).argmin(1)
            rest = rest - F.embedding(code, book)
            codes.append(code)
        return codes

    def projected(self) -> list[Tensor]:
        return [book @ self._output.t() for book in self._books]
