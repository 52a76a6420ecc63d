"""How many kernels a step of the released model launches on a GPU. Each takes some two microseconds."""

import pytest
import torch

from benchmarks.gpu import full_size
from moshi_backend.model.codec import Codec
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.loaders import build_moshi, load_mimi
from moshi_backend.model.plan import Plan
from moshi_backend.model.state import SlotState
from moshi_backend.model.step import Step
from support.launches import Launches

META = torch.device("meta")


@torch.inference_mode()
def count(with_kernels: bool) -> Launches:
    released, state, launches = full_size(), SlotState(40, META), Launches()
    kernels: Kernels | None = launches.kernels if with_kernels else None
    language = LanguageModel(build_moshi(released, META), state, Plan(kernels=kernels))
    mimi = load_mimi(released, META)
    codec = Codec(mimi, state)
    step = Step(codec, language, mimi.frame_size, 40, META)
    codec.encode = launches.within("encode", codec.encode)  # type: ignore[method-assign]
    codec.decode = launches.within("decode", codec.decode)  # type: ignore[method-assign]
    layers = language._transformer
    layers._run = launches.within("temporal transformer", layers._run)  # type: ignore[method-assign]
    depformer = language._depformer

    def predict(hidden: torch.Tensor, text: torch.Tensor, sample: object) -> object:
        assert callable(sample)
        return launches.within("depformer", depformer)(hidden, text, launches.within("sampling", sample))

    language._depformer = predict  # type: ignore[assignment]
    with launches:
        step(40)
    return launches


@pytest.fixture(scope="module")
def launches() -> Launches:
    return count(with_kernels=True)


BUDGET = {"temporal transformer": 288, "depformer": 409, "sampling": 24, "encode": 263, "decode": 229, "rest": 60}


@pytest.mark.parametrize(("part", "most"), BUDGET.items())
def test_a_part_keeps_its_budget(part: str, most: int, launches: Launches) -> None:
    assert launches.total(part) <= most, launches.counts[part]


def test_a_step_launches_at_most_1300_kernels(launches: Launches) -> None:
    assert launches.counts.keys() == BUDGET.keys()
    assert launches.total() <= 1300


def test_without_the_kernels_a_step_launches_more_than_twice_as_many(launches: Launches) -> None:
    """So the budget is kept by the kernels, and the counting sees operations inside operations."""
    assert count(with_kernels=False).total() > 2 * launches.total()
