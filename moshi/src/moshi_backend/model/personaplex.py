"""PersonaPlex: a Moshi whose depformer also predicts what it hears.

Of its steps the second half says the user's audio, which at inference is known. Each step has weights of its own and
sees only those before it, so the first half alone says the same: it is what is loaded, and a tick costs half the
depformer.
"""

import logging
import re
from pathlib import Path
from typing import Any, Self

import torch
from moshi.models import LMModel
from moshi.models.loaders import CheckpointInfo, _lm_kwargs, get_moshi_lm
from safetensors import safe_open

from moshi_backend.model.adapters import Adapted

log = logging.getLogger(__name__)

_STEP = re.compile(
    r"(?:depformer_(?:in|emb|norms)|linears|depformer\.layers\.\d+\.(?:gating|self_attn\.(?:in|out)_projs))\.(\d+)\."
)
"""Weights of one step; its number."""

_PACKED = re.compile(r"depformer\.layers\.\d+\.self_attn\.(?:in_proj_weight|in_proj\.weight|out_proj\.weight)")
"""Weights of all steps, one below the other."""


class PersonaPlex(Adapted):
    """A checkpoint whose model is loaded without the depformer steps that say what it hears."""

    @classmethod
    def of(cls, info: CheckpointInfo, **changes: Any) -> Self:
        config = dict(info.lm_config or {})
        config = config if "dim" in config else dict(_lm_kwargs)
        return super().of(info, lm_config=config | {"dep_q": config["n_q"] // 2}, **changes)

    def get_moshi(
        self,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.bfloat16,
        load_weight: bool = True,
        **options: Any,
    ) -> LMModel:
        """
        Raises:
            ValueError: weights are missing.
        """
        model = get_moshi_lm(None, self.lm_config, "meta" if load_weight else device, dtype, **options)
        if load_weight:
            state = first_steps(self.moshi_weights, model.dep_q, device)
            outcome = model.load_state_dict({name: weight.to(dtype) for name, weight in state.items()}, False, True)
            if outcome.missing_keys:
                raise ValueError(f"{self.moshi_weights} lacks {outcome.missing_keys[0]}")
            if outcome.unexpected_keys:
                log.warning("%s: %s are not used", self.moshi_weights, ", ".join(outcome.unexpected_keys))
            if self.adapters is not None:
                self.adapters.fuse(model, lambda name: not _is_kept(name, model.dep_q))
        return model.eval()


def first_steps(weights: Path, steps: int, device: torch.device | str) -> dict[str, torch.Tensor]:
    """The weights of a model whose depformer makes so many steps; only these are read."""
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
    """Whether a weight belongs to no single step, or to one of the first."""
    step = _STEP.match(name)
    return step is None or int(step[1]) < steps - name.startswith("depformer_emb.")
