import json

import pytest

from moshi_backend.conversation.preferences import RANGES, BadPreference, choose, described
from moshi_backend.model.sampling import SamplingParams, TokenSampling

RECOMMENDED = SamplingParams(TokenSampling(0.7, 25, 1), TokenSampling(0.8, 250, 2))


def test_what_is_not_asked_for_is_as_the_checkpoint_recommends_with_a_seed_of_its_own() -> None:
    chosen = choose({}, RECOMMENDED)
    assert (chosen.text.temperature, chosen.text.top_k) == (0.7, 25)
    assert (chosen.audio.temperature, chosen.audio.top_k) == (0.8, 250)
    seeds = {choose({}, RECOMMENDED).text.seed for _ in range(20)}
    assert len(seeds) == 20


def test_upstreams_parameters_are_understood_and_its_others_ignored() -> None:
    query = {
        "text_temperature": "0.5",
        "text_topk": "10",
        "text_seed": "3",
        "audio_temperature": "0",
        "audio_topk": "0",
        "audio_seed": "4",
        "pad_mult": "0",
        "repetition_penalty": "1",
    }
    assert choose(query, RECOMMENDED) == SamplingParams(TokenSampling(0.5, 10, 3), TokenSampling(0.0, 0, 4))


def test_one_seed_is_for_both_unless_one_has_its_own() -> None:
    chosen = choose({"seed": "7", "audio_seed": "8"}, RECOMMENDED)
    assert (chosen.text.seed, chosen.audio.seed) == (7, 8)


def test_a_conversation_can_be_had_again_by_what_was_described() -> None:
    chosen = choose({"text_temperature": "1.2"}, RECOMMENDED)
    again = choose({name: repr(value) for name, value in described(chosen).items()}, RECOMMENDED)
    assert again == chosen


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", ["", "hot", "nan", "inf", "-2", "1e99", "0x1", "9" * 5000])
def test_a_wrong_value_is_named_with_what_it_takes(name: str, value: str) -> None:
    with pytest.raises(BadPreference, match=rf"^{name}=.*: takes (a|a whole) number from 0 to ") as caught:
        choose({name: value}, RECOMMENDED)
    assert len(str(caught.value)) < 123  # it fits into a close frame


def test_a_seed_of_minus_one_is_any_seed() -> None:
    """PersonaPlex's clients send it."""
    chosen = [choose({"seed": "-1", "text_seed": "3"}, RECOMMENDED) for _ in range(2)]
    assert [one.text.seed for one in chosen] == [3, 3]
    assert chosen[0].audio.seed != chosen[1].audio.seed


@pytest.mark.parametrize("seed", [0, 2**53 + 1, 2**63, 2**64 - 1])
def test_a_seed_has_64_bits_and_stays_exact(seed: int) -> None:
    """As the Rust server takes it."""
    chosen = choose({"seed": str(seed)}, RECOMMENDED)
    assert chosen.text.seed == chosen.audio.seed == seed
    told = json.loads(json.dumps(described(chosen)), parse_int=float)  # as JavaScript reads it
    assert choose({"seed": str(told["text_seed"]).removesuffix(".0")}, RECOMMENDED).text.seed == seed


def test_a_seed_of_65_bits_is_refused() -> None:
    with pytest.raises(BadPreference, match=r"from 0 to 18446744073709551615$"):
        choose({"seed": str(2**64)}, RECOMMENDED)


def test_a_fraction_is_no_top_k() -> None:
    with pytest.raises(BadPreference, match="whole number"):
        choose({"text_topk": "2.5"}, RECOMMENDED)
