"""The shapes of the demo: upstream's architecture with small numbers.

A wider decoder sounds better, but upstream builds the encoder and the decoder from one set of numbers, and a step
must stay cheap on a laptop. Most of its time with many conversations goes into the layers at 24 kHz, so these are
narrow, and the decoder reaches 24 kHz in a step of six instead of four.
"""

from typing import Any

import numpy as np
import torch
from moshi.models import loaders
from moshi.models.compression import MimiModel
from moshi.models.lm import LMModel
from numpy.typing import NDArray

type Audio = NDArray[np.float32]
"""Mono sound at `SAMPLE_RATE`: [samples], in -1..1."""

SAMPLE_RATE = 24_000
FRAME = 1_920
"""Samples in one frame of 80 ms."""
CODEBOOKS = 8
CODES = 128
"""Entries of each codebook."""
LATENT = 32
"""Values of a quantizer's latent."""

MIMI: dict[str, Any] = {
    "sample_rate": SAMPLE_RATE,
    "channels": 1,
    "frame_rate": SAMPLE_RATE / FRAME,
    "seanet": loaders._seanet_kwargs
    | {
        "dimension": 64,
        "n_filters": 5,
        "ratios": [8, 5, 4, 6],
        "compress": 1,
        "last_kernel_size": 7,
    },
    "quantizer": {
        "dimension": LATENT,
        "n_q": CODEBOOKS,
        "bins": CODES,
        "input_dimension": 64,
        "output_dimension": 64,
    },
    "transformer": loaders._transformer_kwargs
    | {
        "d_model": 64,
        "num_heads": 2,
        "num_layers": 1,
        "context": 50,
        "layer_scale": 0.5,
        "dim_feedforward": 128,
        "input_dimension": 64,
        "output_dimensions": [64],
    },
}


CONTEXT = 128
"""Steps that a layer of the language model looks back on: 10 seconds."""


def language_model_config(text_card: int) -> dict[str, Any]:
    """The language model's numbers for a vocabulary of `text_card` pieces."""
    config: dict[str, Any] = loaders._lm_kwargs | {
        "dim": 128,
        "text_card": text_card,
        "card": CODES,
        "num_heads": 4,
        "num_layers": 2,
        "hidden_scale": 2,
        "context": CONTEXT,
        "depformer_dim": 64,
        "depformer_dim_feedforward": 128,
        "depformer_num_heads": 2,
        "depformer_num_layers": 1,
    }
    return config


SAMPLING = {"temp": 0.2, "temp_text": 0.7, "top_k": 250, "top_k_text": 25}
"""The default sampling, which the checkpoint's config names. Low temperatures keep the captions exact.

The text decides when to speak. In noise a turn has no clear end, so the moment of the answer spreads over some frames,
and none of them is likely. At a temperature of 0.5 for text, 4.5 % of the turns in noise got no answer; at 0.7, 0.5 %.
"""


def new_mimi() -> MimiModel:
    """A Mimi of this shape with its initial weights, on the CPU."""
    return loaders.get_mimi(None, MIMI, num_codebooks=CODEBOOKS)


def new_language_model(text_card: int) -> LMModel:
    """A language model of this shape with its initial weights, in float32 on the CPU."""
    return loaders.get_moshi_lm(None, language_model_config(text_card), device="cpu", dtype=torch.float32)
