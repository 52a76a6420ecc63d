"""PersonaPlex: a Moshi whose depformer also predicts the user's codebooks.

The second half of its depformer steps is the user's audio, which at inference is known. Each step has weights of its
own and sees only those before it, so the first half alone gives the same tokens. Only that half is loaded, and a step
of the model costs half the depformer.
"""

import logging
import re
from pathlib import Path

import torch
from moshi.models import LMModel
from moshi.models.loaders import get_moshi_lm
from safetensors import safe_open

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.errors import checkpoints as errors
from moshi_backend.model.adapters import fuse
from moshi_service.errors import InvalidValue

log = logging.getLogger(__name__)

_STEP = re.compile(
    r"(?:depformer_(?:in|emb|norms)|linears|depformer\.layers\.\d+\.(?:gating|self_attn\.(?:in|out)_projs))\.(\d+)\."
)
"""Weights of one depformer step; its number."""

_PACKED = re.compile(r"depformer\.layers\.\d+\.self_attn\.(?:in_proj_weight|in_proj\.weight|out_proj\.weight)")
"""Weights of all depformer steps, one below the other."""


def load(checkpoint: Checkpoint, device: torch.device | str, dtype: torch.dtype) -> LMModel:
    """The language model without the depformer steps of the user's codebooks.

    Raises:
        InvalidValue: weights are missing.
    """
    lm = get_moshi_lm(None, dict(checkpoint.lm_config), "meta", dtype)
    state = first_steps(checkpoint.moshi_weights, lm.dep_q, device)
    outcome = lm.load_state_dict({name: weight.to(dtype) for name, weight in state.items()}, False, True)
    if outcome.missing_keys:
        raise InvalidValue(errors.weights_lacking(checkpoint.moshi_weights, outcome.missing_keys[0]))
    if outcome.unexpected_keys:
        log.warning(errors.weights_unused(checkpoint.moshi_weights, ", ".join(outcome.unexpected_keys)))
    if checkpoint.adapters is not None:
        fuse(checkpoint.adapters, lm, lambda name: not _is_kept(name, lm.dep_q))
    return lm.eval()


def first_steps(weights: Path, steps: int, device: torch.device | str) -> dict[str, torch.Tensor]:
    """The weights, by name, of a model whose depformer makes so many steps; only these are read."""
    state = {}
    with safe_open(weights, "pt", str(device)) as file:  # type: ignore[no-untyped-call]
        names = list(file.keys())
        total = sum(name.startswith("linears.") for name in names)
        for name in names:
            if _PACKED.match(name):
                packed = file.get_slice(name)
                state[name] = packed[: packed.get_shape()[0] * steps // total]
            elif _is_kept(name, steps):
                state[name] = file.get_tensor(name)
    return state


def _is_kept(name: str, steps: int) -> bool:
    """Whether a weight belongs to no single depformer step, or to one of the first."""
    step = _STEP.match(name)
    return step is None or int(step[1]) < steps - name.startswith("depformer_emb.")
