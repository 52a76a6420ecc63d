"""A Mimi of the demo's shape for tests that need codes and sound, but no speech."""

import torch
from moshi.models.compression import MimiModel

from demo_model.architecture import new_mimi


def untrained_mimi() -> MimiModel:
    """With codebooks that nobody trained, the same ones each time."""
    torch.manual_seed(0)
    mimi = new_mimi().eval()
    for part in (mimi.quantizer.rvq_first, mimi.quantizer.rvq_rest):
        for layer in part.vq.layers:
            layer._codebook.embedding_sum.normal_()
            layer._codebook.cluster_usage.fill_(1.0)
    return mimi
