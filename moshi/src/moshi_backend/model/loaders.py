"""A checkpoint's models in memory, as upstream's classes."""

import torch
from moshi.models import LMModel, MimiModel
from moshi.models.loaders import get_mimi, get_moshi_lm
from sentencepiece import SentencePieceProcessor

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.model import personaplex
from moshi_backend.model.adapters import fuse


def load_moshi(checkpoint: Checkpoint, device: torch.device | str, dtype: torch.dtype = torch.bfloat16) -> LMModel:
    """The language model with its weights. Adapters are fused into them.

    Raises:
        InvalidValue: weights are missing.
    """
    if checkpoint.kind == "personaplex":
        return personaplex.load(checkpoint, device, dtype)
    lm = get_moshi_lm(checkpoint.moshi_weights, dict(checkpoint.lm_config), device, dtype)
    if checkpoint.adapters is not None:
        fuse(checkpoint.adapters, lm)
    return lm


def build_moshi(checkpoint: Checkpoint, device: torch.device | str, dtype: torch.dtype = torch.bfloat16) -> LMModel:
    """The language model without its weights; on the `meta` device it takes no memory."""
    return get_moshi_lm(None, dict(checkpoint.lm_config), device, dtype)


def load_mimi(checkpoint: Checkpoint, device: torch.device | str = "cpu") -> MimiModel:
    """The codec with its weights, in float32."""
    return get_mimi(
        checkpoint.mimi_weights, dict(checkpoint.mimi_config), num_codebooks=checkpoint.codebooks, device=device
    )


def load_tokenizer(checkpoint: Checkpoint) -> SentencePieceProcessor:
    """The tokenizer of its text."""
    return SentencePieceProcessor(str(checkpoint.tokenizer))
