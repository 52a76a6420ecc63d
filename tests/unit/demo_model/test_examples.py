"""Examples that several processes draw."""

import numpy as np
import torch
from numpy.typing import NDArray

from demo_model.examples import batches, examples

SEED = 3


def draw(rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    return rng.standard_normal(5).astype(np.float32), int(rng.integers(100))


def test_batches_are_the_drawn_examples_in_order() -> None:
    made = list(batches(draw, SEED, 3, 4, torch.device("cpu")))
    expected = [draw(np.random.default_rng([SEED, number])) for number in range(12)]
    assert [[field.shape for field in batch] for batch in made] == [[(4, 5), (4,)]] * 3
    np.testing.assert_array_equal(torch.cat([batch[0] for batch in made]), np.stack([e[0] for e in expected]))
    assert torch.cat([batch[1] for batch in made]).tolist() == [e[1] for e in expected]


def test_examples_arrive_as_they_were_drawn_and_in_order() -> None:
    made = list(examples(draw, SEED, 7))
    assert len(made) == 7
    for number, (values, one) in enumerate(made):
        expected = draw(np.random.default_rng([SEED, number]))
        assert isinstance(values, np.ndarray)
        np.testing.assert_array_equal(values, expected[0])
        assert one == expected[1]
