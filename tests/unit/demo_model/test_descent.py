"""The loop that the trainings share."""

import pytest
import torch

from demo_model.descent import LOWEST, Descent

DESCENT = Descent(steps=100, learning_rate=0.1, warmup=10, betas=(0.9, 0.98), weight_decay=0)


def test_the_learning_rate_rises_and_then_falls_to_its_lowest_share() -> None:
    rates = [DESCENT.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0.09 < max(rates) < 0.1
    assert rates[-1] == pytest.approx(0.1 * LOWEST)


def test_it_learns_from_each_batch_and_tells_the_moving_mean_of_the_figures() -> None:
    weight = torch.tensor([1.0])

    def loss(wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return ((weight - wanted) ** 2).mean(), wanted[:1]

    drawn = [(torch.full((2,), float(step % 2)),) for step in range(3)]
    figures = list(DESCENT.run(loss, [weight], drawn))
    assert [step for step, _ in figures] == [0, 1, 2]
    assert [mean for _, (mean,) in figures] == pytest.approx([0, 0.02, 0.0196])
    assert 0.9 < weight.item() < 1


def test_it_ends_up_where_the_loss_is_least() -> None:
    weight = torch.zeros(3)
    wanted = torch.tensor([0.5, -0.5, 1.0])

    def loss(noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        error = ((weight - wanted + noise) ** 2).mean()
        return error, error.reshape(1)

    generator = torch.Generator().manual_seed(1)
    drawn = [(0.01 * torch.randn(4, 3, generator=generator),) for _ in range(100)]
    assert len(list(DESCENT.run(loss, [weight], drawn))) == 100
    torch.testing.assert_close(weight.detach(), wanted, atol=0.05, rtol=0)
