"""PersonaPlex: a Moshi whose depformer also predicts what it hears.

Of its steps the second half says the user's audio, which at inference is known. Each step has weights of its own and
sees only those before it, so the first half alone says the same: it is what is loaded, and a tick costs half the
depformer.
"""

import logging
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from moshi.models import LMModel
from moshi.models.loaders import CheckpointInfo, _lm_kwargs, get_moshi_lm
from safetensors import safe_open

log = logging.getLogger(__name__)

_STEP = re.compile(
    r"(?:depformer_(?:in|emb|norms)|linears|depformer\.layers\.\d+\.(?:gating|self_attn\.(?:in|out)_projs))\.(\d+)\."
)
"""Weights of one step; its number."""

_PACKED = re.compile(r"depformer\.layers\.\d+\.self_attn\.(?:in_proj_weight|in_proj\.weight|out_proj\.weight)")
"""Weights of all steps, one below the other."""


def is_personaplex(weights: Path, lm_config: dict[str, Any] | None) -> bool:
    """Whether the weights have a depformer step for each audio stream, those that are heard too."""
    if weights.suffix != ".safetensors":
        return False
    streams = (lm_config or {}).get("n_q", _lm_kwargs["n_q"])
    with safe_open(weights, "pt") as file:  # type: ignore[no-untyped-call]
        return f"linears.{streams - 1}.weight" in file.keys()  # noqa: SIM118


class PersonaPlex(CheckpointInfo):  # type: ignore[misc]
    """A checkpoint whose model is loaded without the depformer steps that say what it hears."""

    @classmethod
    def of(cls, info: CheckpointInfo) -> "PersonaPlex":
        given = {field.name: getattr(info, field.name) for field in fields(info)}
        config = dict(given["lm_config"] or {})
        config = config if "dim" in config else dict(_lm_kwargs)
        return cls(**given | {"lm_config": config | {"dep_q": config["n_q"] // 2}})

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
        return model.eval()


def first_steps(weights: Path, steps: int, device: torch.device | str) -> dict[str, torch.Tensor]:
    """The weights of a model whose depformer makes so many steps; only these are read."""
    state = {}
    with safe_open(weights, "pt", str(device)) as file:  # type: ignore[no-untyped-call]
        names = list(file.keys())
        total = sum(name.startswith("linears.") for name in names)
        for name in names:
            step = _STEP.match(name)
            if step is None:
                packed = file.get_slice(name)
                rows = packed.get_shape()[0]
                state[name] = packed[: rows * steps // total] if _PACKED.match(name) else file.get_tensor(name)
            elif int(step[1]) < steps - name.startswith("depformer_emb."):
                state[name] = file.get_tensor(name)
    return state
