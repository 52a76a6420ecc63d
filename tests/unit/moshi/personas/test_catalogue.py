"""Voices and roles that clients choose, without a model."""

import pytest

from moshi_backend.conversation.preferences import BadPreference, choose_persona
from moshi_backend.personas.catalogue import PAUSE_FRAMES, BadPersona, Catalogue, Persona
from moshi_backend.personas.presets import CHARACTERS
from moshi_backend.settings import Settings
from moshi_service.protocol.wire import REASON_BYTES
from support.personas import catalogue, voice


def refused(offered: Catalogue, **query: str) -> str:
    with pytest.raises(BadPreference) as caught:
        choose_persona(query, offered)
    reason = str(caught.value)
    assert len(reason.encode()) <= REASON_BYTES
    return reason


def test_voice_pause_text_pause_and_the_first_frame_is_never_seen() -> None:
    offered = catalogue(voice())
    prompt = offered.prompt(Persona("anna", "you are a bird"))
    assert prompt is not None
    words = 6  # the tags too
    assert prompt.steps == 4 - 1 + PAUSE_FRAMES + words + PAUSE_FRAMES
    assert prompt.shared == 4 + PAUSE_FRAMES
    assert prompt.tokens[1 : 4 + PAUSE_FRAMES, 0].tolist() == [3] * (3 + PAUSE_FRAMES)
    assert prompt.tokens[4 + PAUSE_FRAMES :, 0].tolist()[:words] == list(range(10, 10 + words))
    assert prompt.tokens[1:4, 1].tolist() == [2, 4, 6]
    assert prompt.tokens[2:5, 2].tolist() == [3, 5, 7]
    assert prompt.tokens[4:6, 1].tolist() == [948, 948]
    assert prompt.tokens[1:6, 3].tolist() == [430] * 5


def test_nothing_chosen_is_no_prompt_unless_there_is_a_default_voice() -> None:
    assert catalogue().prompt(Persona()) is None
    offered = catalogue(voice(), default="anna")
    assert offered.choose(None, None) == offered.choose("", " ") == Persona("anna")


def test_a_text_that_is_tagged_already_is_not_tagged_again() -> None:
    offered = catalogue()
    assert len(offered.tokens("<system> a b <system>")) == len(offered.tokens("a b")) == 4


@pytest.mark.parametrize("name", ["anna", "anna.pt", "anna.wav"])
def test_a_voice_is_chosen_by_id_or_by_the_name_of_a_file_as_personaplex_does(name: str) -> None:
    assert choose_persona({"voice_prompt": name}, catalogue(voice())) == Persona("anna")


@pytest.mark.parametrize("name", ["../anna", "/etc/passwd", "Anna", "anna.pt.pt.pt", "anna/..", "x" * 300, "\0"])
def test_what_is_no_voice_is_refused_with_those_that_are(name: str) -> None:
    many = [voice(f"voice{index}") for index in range(18)]
    assert "no such voice; takes voice0, voice1" in refused(catalogue(*many), voice_prompt=name)


def test_what_a_model_or_a_service_does_not_take_is_refused() -> None:
    assert "no voices" in refused(catalogue(), voice_prompt="anna")
    assert "not made for one" in refused(catalogue(made_for_it=False), text_prompt="be kind")
    assert "takes none" in refused(catalogue(texts="off"), text_prompt="be kind")
    assert "only the presets" in refused(catalogue(texts="presets"), text_prompt="be kind")
    assert catalogue(texts="presets").choose(None, "you are a ship").text == "you are a ship"


def test_a_text_may_be_as_long_as_the_limit_and_no_longer() -> None:
    offered = catalogue(most=6)
    assert offered.choose(None, "a b c d").text == "a b c d"
    assert refused(offered, text_prompt="a b c d e") == "text_prompt has 7 tokens; takes 6 at most"
    assert catalogue(most=1000).choose(None, "x" * CHARACTERS).text
    assert "takes 4000 at most" in refused(catalogue(most=1000), text_prompt="x" * (CHARACTERS + 1))


def test_a_role_of_1000_characters_is_taken_with_the_default_settings() -> None:
    """PersonaPlex's own page allows as many. Short words: 1000 characters make 334 tokens, and the tags 2."""
    text = " ".join(["be"] * 334)[:1000]
    offered = catalogue(most=Settings().prompt_tokens)
    assert len(offered.tokens(text)) == 336
    assert choose_persona({"text_prompt": text}, offered).text == text
    assert "336 tokens; takes 335 at most" in refused(catalogue(most=335), text_prompt=text)


def test_presets_that_are_too_long_are_not_offered() -> None:
    assert [preset.id for preset in catalogue().presets] == ["a"]
    assert catalogue(most=3).presets == catalogue(made_for_it=False).presets == []


def test_bad_persona_is_an_exception_of_its_own() -> None:
    with pytest.raises(BadPersona):
        catalogue().choose("anna", None)
