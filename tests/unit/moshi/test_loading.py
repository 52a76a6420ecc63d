"""What is refused before it is loaded."""

import pytest

from moshi_backend.errors import LoadError
from moshi_backend.loading import TOO_LARGE_FOR_A_CPU, check_cpu
from moshi_backend.model.capacity import GIB, check_weights
from moshi_backend.settings import Settings


def test_a_large_model_runs_on_a_cpu_only_if_somebody_says_so() -> None:
    large = int(TOO_LARGE_FOR_A_CPU) + 1
    with pytest.raises(LoadError, match=r"demo has 2\.0 GB of weights, .* sees no GPU .* MOSHI_ALLOW_SLOW=true"):
        check_cpu(large, Settings())
    check_cpu(large, Settings(allow_slow=True))
    check_cpu(large - 1, Settings())


def test_a_gpu_that_is_too_small_is_told_what_it_lacks() -> None:
    check_weights(15 * GIB, GIB, 17 * GIB)
    with pytest.raises(LoadError, match=r"16\.50 GiB free, .* 15\.00 GiB, a conversation 1\.00 GiB .*: MOSHI_CONTEXT"):
        check_weights(15 * GIB, GIB, int(16.5 * GIB))
    with pytest.raises(LoadError, match=r"12\.00 GiB free.*a larger GPU is needed; .* cross PCIe .* takes 0\.6 s"):
        check_weights(15 * GIB, GIB, 12 * GIB)
