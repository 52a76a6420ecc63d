"""Whether this service can run the model of a checkpoint."""

import torch

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.fit import describing
from moshi_backend.model.batch import required_memory
from moshi_backend.model.plan import Plan


def check_support(checkpoint: Checkpoint) -> None:
    """Build the model without memory.

    Raises:
        LoadError: upstream can build such a model, and this service cannot run it.
    """
    with describing(checkpoint.moshi_weights):
        required_memory(checkpoint, torch.bfloat16, Plan())
