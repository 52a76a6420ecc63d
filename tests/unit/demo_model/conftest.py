"""What several tests of the demo model's training share."""

import pytest
import torch
from moshi.models.compression import MimiModel

from demo_model.architecture import new_mimi


@pytest.fixture
def mimi() -> MimiModel:
    """With codebooks that nobody trained."""
    torch.manual_seed(0)
    mimi = new_mimi().eval()
    for part in (mimi.quantizer.rvq_first, mimi.quantizer.rvq_rest):
        for layer in part.vq.layers:
            layer._codebook.embedding_sum.normal_()
            layer._codebook.cluster_usage.fill_(1.0)
    return mimi
