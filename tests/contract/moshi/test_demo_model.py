"""The demo model does what it promises: the small version of `tools/train_demo --evaluate`, in about a minute.

The bounds are the full evaluation's. With a few dozen events, one event may miss a bound that no single miss would
keep. Long talk, STOI, PESQ, the onsets of captions and the duration of a step are the full evaluation's alone.
"""

import pytest
import torch

from demo_model.evaluation import SMALL, SMALL_BFLOAT16, Evaluation
from demo_model.evaluation.material import Lines, Material, usable
from moshi_backend.checkpoint.locate import DEMO
from support.voices import held_out_voices


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    voices = held_out_voices(tmp_path_factory.mktemp("voices"))
    return Material(Lines.of_the_demo(), {name: usable(clips) for name, clips in voices.items()})


@pytest.fixture(scope="module")
def evaluation(material: Material) -> Evaluation:
    return Evaluation(DEMO, material, SMALL)


@pytest.fixture(scope="module")
def in_bfloat16(material: Material) -> Evaluation:
    return Evaluation(DEMO, material, SMALL_BFLOAT16, torch.bfloat16)


def passes(evaluation: Evaluation, part: str) -> None:
    before = len(evaluation.report.sections)
    report = evaluation.run([part])
    failed = [
        criterion.row for _, criteria, _ in report.sections[before:] for criterion in criteria if not criterion.passed
    ]
    assert not failed, str(report)
    assert len(report.sections) > before


@pytest.mark.parametrize("part", Evaluation.PARTS)
def test_the_demo_model_keeps_its_promises(part: str, evaluation: Evaluation) -> None:
    passes(evaluation, part)


@pytest.mark.parametrize("part", ["turns", "disturbances"])
def test_it_keeps_them_in_bfloat16(part: str, in_bfloat16: Evaluation) -> None:
    passes(in_bfloat16, part)
