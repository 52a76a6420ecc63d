"""Choosing tokens. The chance is swept over [0, 1), so that frequencies are exact and not a matter of luck."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moshi_backend.model.sampling import RandomNumbers, Sampler, SamplingParams, TokenSampling

GRID = 20_000


def frequencies(logits: list[float], choice: TokenSampling) -> list[float]:
    """How often each token is chosen over all chances."""
    chance = ((torch.arange(GRID) + 0.5) / GRID)[:, None]
    control = torch.tensor([choice.controls]).expand(GRID, 2).contiguous()
    tokens = Sampler(control, len(logits))(torch.tensor([logits]).expand(GRID, -1), chance)
    return (torch.bincount(tokens, minlength=len(logits)) / GRID).tolist()


def softmax(logits: list[float], temperature: float) -> list[float]:
    weights = [math.exp(logit / temperature) for logit in logits]
    return [weight / sum(weights) for weight in weights]


LOGITS = [0.3, 2.0, -1.0, 1.5, 0.0]


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.0])
def test_tokens_come_as_often_as_they_are_likely(temperature: float) -> None:
    assert frequencies(LOGITS, TokenSampling(temperature, 0)) == pytest.approx(softmax(LOGITS, temperature), abs=2e-4)


def test_only_the_likeliest_come() -> None:
    expected = softmax([LOGITS[1], LOGITS[3]], 0.8)
    assert frequencies(LOGITS, TokenSampling(0.8, 2)) == pytest.approx([0, expected[0], 0, expected[1], 0], abs=2e-4)


def test_temperature_nought_takes_the_first_of_the_likeliest() -> None:
    assert frequencies([1.0, 3.0, 3.0, 2.0], TokenSampling(0.0, 0)) == [0, 1, 0, 0]


def test_more_than_there_are_is_all() -> None:
    assert frequencies(LOGITS, TokenSampling(1.0, 250)) == frequencies(LOGITS, TokenSampling(1.0, 0))


def test_a_chance_next_to_one_takes_a_token_that_is_possible() -> None:
    almost = torch.tensor([[np.nextafter(np.float32(1), np.float32(0))]])
    for top_k in (1, 2, 100):
        sampler = Sampler(torch.tensor([[1.0, float(top_k)]]), 100)
        token = sampler(torch.linspace(0, 1e-3, 100)[None], almost)
        assert int(token) == 99
        assert int(sampler(torch.linspace(1e-3, 0, 100)[None], almost)) == top_k - 1


def test_each_row_has_its_own_way() -> None:
    control = torch.tensor(
        [TokenSampling(0.0, 0).controls, TokenSampling(2.0, 0).controls, TokenSampling(2.0, 2).controls]
    )
    chance = torch.tensor([[0.99], [0.99], [0.99]])
    assert Sampler(control, 5)(torch.tensor([LOGITS] * 3), chance).tolist() == [1, 4, 3]


def test_a_slot_does_not_depend_on_the_top_k_of_another() -> None:
    """Tokens are ranked only if some slot's top-k leaves one out, or the step is recorded."""
    logits, chance = torch.randn(500, 40, generator=torch.Generator().manual_seed(1)), torch.rand(500, 1)
    control = torch.tensor([[0.8, 40.0]]).repeat(500, 1)
    alone = Sampler(control, 40)(logits, chance)
    assert Sampler(control, 40, recordable=True)(logits, chance).tolist() == alone.tolist()
    beside = torch.cat([control, torch.tensor([[1.0, 1.0]])])
    mixed = Sampler(beside, 40)(torch.cat([logits, logits[:1]]), torch.cat([chance, chance[:1]]))
    assert mixed[:-1].tolist() == alone.tolist()
    assert int(mixed[-1]) == int(logits[0].argmax())


def test_chance_depends_on_the_seed_alone_and_is_even() -> None:
    def drawn(text: int, audio: int) -> NDArray[np.float32]:
        chance = RandomNumbers(SamplingParams(TokenSampling(1, 0, text), TokenSampling(1, 0, audio)), audio_tokens=8)
        steps = np.zeros((4000, 9), np.float32)
        for step in steps:
            chance.draw(step)
        return steps

    first = drawn(1, 2)
    np.testing.assert_array_equal(first, drawn(1, 2))
    assert (first[:, 1:] == drawn(5, 2)[:, 1:]).all()
    assert not (first[:, 0] == drawn(5, 2)[:, 0]).any()
    assert first.min() >= 0
    assert first.max() < 1
    assert np.histogram(first, 10, (0, 1))[0] == pytest.approx([3600] * 10, rel=0.05)


def test_a_checkpoint_recommends_and_upstreams_defaults_fill_in() -> None:
    recommended = SamplingParams.of({"temp": 0.5, "cfg_coef": 1.0})
    assert (recommended.audio.temperature, recommended.audio.top_k) == (0.5, 250)
    assert (recommended.text.temperature, recommended.text.top_k) == (0.7, 25)
    assert SamplingParams.of({"use_sampling": False}).audio.temperature == 0


def test_one_seed_for_both_does_not_couple_text_and_audio() -> None:
    chance = RandomNumbers(SamplingParams(TokenSampling(1, 0, 7), TokenSampling(1, 0, 7)), audio_tokens=1)
    steps = np.zeros((4000, 2), np.float32)
    for step in steps:
        chance.draw(step)
    assert abs(np.corrcoef(steps.T)[0, 1]) < 0.05


def test_a_checkpoint_that_needs_what_we_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cfg_coef=2\.0, which is not supported"):
        SamplingParams.of({"cfg_coef": 2.0})


def test_every_bit_of_a_seed_counts() -> None:
    def drawn(seed: int) -> list[float]:
        out = np.zeros(3, np.float32)
        RandomNumbers(SamplingParams(TokenSampling(0.7, 25, seed), TokenSampling(0.8, 250, seed)), 2).draw(out)
        return [float(number) for number in out]

    seeds = (0, 2**53, 2**53 + 1, 2**63, 2**63 + 1, 2**64 - 1)
    assert len({tuple(drawn(seed)) for seed in seeds}) == len(seeds)
    assert drawn(3)[0] == np.random.Generator(np.random.Philox(key=(3, 0))).random(dtype=np.float32)
