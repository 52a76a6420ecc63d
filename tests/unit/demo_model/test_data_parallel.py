"""Gradients that several cores compute."""

import os

import pytest
import torch

from demo_model.data_parallel import DataParallel


@pytest.mark.parametrize("cores", [1, 2, 4, 16])
def test_the_gradients_and_figures_are_those_of_the_whole_batch(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    torch.manual_seed(1)
    weight, bias, unused = (torch.randn(3, requires_grad=True) for _ in range(3))
    inputs, wanted = torch.randn(8, 3), torch.randn(8)

    def loss(inputs: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        error = (((inputs * weight + bias).sum(1) - wanted) ** 2).mean()
        return error, torch.stack([error, inputs.mean()])

    figures = DataParallel(loss, [weight, bias, unused], torch.device("cpu")).backward(inputs, wanted)
    error, expected = loss(inputs, wanted)
    torch.testing.assert_close(figures, expected.detach())
    torch.testing.assert_close((weight.grad, bias.grad), torch.autograd.grad(error, [weight, bias]))
    assert unused.grad is None


def test_an_error_in_a_part_is_raised() -> None:
    def loss(row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise ValueError("bad row")

    with pytest.raises(ValueError, match="bad row"):
        DataParallel(loss, [torch.zeros(1, requires_grad=True)], torch.device("cpu")).backward(torch.zeros(4, 1))
