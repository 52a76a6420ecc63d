"""Voices, roles and what is refused of them, without a model."""

import io
import json
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moshi_backend.conversation.preferences import BadPreference, choose_persona
from moshi_backend.errors import LoadError
from moshi_backend.model.prefill import PromptKVCache
from moshi_backend.model.prompt import DelayPattern, Prompt, PromptStart
from moshi_backend.model.tokens import NO_TOKEN
from moshi_backend.personas.catalogue import PAUSE_FRAMES, BadPersona, Catalogue, Persona, Texts
from moshi_backend.personas.loudness import loudness, normalised
from moshi_backend.personas.presets import CHARACTERS, Preset, read_presets
from moshi_backend.personas.voices import ARCHIVE_FILES, BadVoice, Voice, from_archive, read_prompt
from moshi_backend.settings import Settings
from moshi_service.protocol.wire import REASON_BYTES

PATTERN = DelayPattern((0, 0, 1, 0, 1), initial_text=90, initial_audio=80, text_padding=3, model_codebooks=2)
WIDTH = 4


class Words:
    """A tokenizer with one token a word."""

    def encode(self, text: str) -> list[int]:
        return [10 + index for index, _ in enumerate(text.split())]


def voice(id_: str = "anna", frames: int = 4) -> Voice:
    return Voice(id_, PromptStart(PATTERN.initial()), np.arange(frames * 2).reshape(frames, 2))


def catalogue(
    *voices: Voice, texts: Texts = "free", made_for_it: bool = True, most: int = 20, default: str | None = None
) -> Catalogue:
    presets = [Preset(id="a", name="A", text="you are a ship")]
    tokenizer = Words() if made_for_it else None
    return Catalogue(PATTERN, 2048, tokenizer, voices, presets, default, texts, most, 0.08)


def refused(offered: Catalogue, **query: str) -> str:
    with pytest.raises(BadPreference) as caught:
        choose_persona(query, offered)
    reason = str(caught.value)
    assert len(reason.encode()) <= REASON_BYTES
    return reason


def test_frames_stand_where_their_delays_put_them() -> None:
    frames = np.array([[1, 2, 3, 4, 5], [11, 12, 13, 14, 15]])
    laid = PATTERN.lay_out(PATTERN.initial(), frames)
    assert laid.tolist() == [
        [90, 80, 80, 80, 80],
        [1, 2, 80, 4, 80],
        [11, 12, 3, 14, 5],
        [NO_TOKEN, NO_TOKEN, 13, NO_TOKEN, 15],
    ]
    prefix = Prompt.of(PATTERN, PromptStart(PATTERN.initial()), None, [], [frames])
    assert (prefix.complete, prefix.steps, prefix.shared) == (3, 2, 0)


def test_voice_pause_text_pause_and_the_first_frame_is_never_seen() -> None:
    offered = catalogue(voice())
    prefix = offered.prompt(Persona("anna", "you are a bird"))
    assert prefix is not None
    words = 6  # the tags too
    assert prefix.steps == 4 - 1 + PAUSE_FRAMES + words + PAUSE_FRAMES
    assert prefix.shared == 4 + PAUSE_FRAMES
    assert prefix.tokens[1 : 4 + PAUSE_FRAMES, 0].tolist() == [3] * (3 + PAUSE_FRAMES)
    assert prefix.tokens[4 + PAUSE_FRAMES :, 0].tolist()[:words] == list(range(10, 10 + words))
    assert prefix.tokens[1:4, 1].tolist() == [2, 4, 6]
    assert prefix.tokens[2:5, 2].tolist() == [3, 5, 7]
    assert prefix.tokens[4:6, 1].tolist() == [948, 948]
    assert prefix.tokens[1:6, 3].tolist() == [430] * 5


def test_nothing_chosen_is_no_prefix_unless_there_is_a_default_voice() -> None:
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


def test_the_presets_that_come_with_the_service_are_fit_to_be_offered() -> None:
    presets = read_presets(None)
    assert len(presets) >= 3
    assert len({preset.name for preset in presets}) == len(presets)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "Invalid JSON"),
        ('{"id": "a"}', "valid array"),
        ('[{"id": "a", "name": "A"}]', r"0\.text: Field required"),
        ('[{"id": "../a", "name": "A", "text": "t"}]', r"0\.id"),
        (json.dumps([{"id": "a", "name": "A", "text": "t"}] * 2), "same id twice"),
        (json.dumps([{"id": "a", "name": "A", "text": "t" * (CHARACTERS + 1)}]), r"0\.text"),
    ],
)
def test_presets_that_are_none_are_refused_with_the_place(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "presets.json").write_text(content)
    with pytest.raises(LoadError, match=says):
        read_presets(tmp_path / "presets.json")
    with pytest.raises(LoadError, match="cannot be read"):
        read_presets(tmp_path / "none.json")


def saved(**changes: object) -> bytes:
    data = io.BytesIO()
    content = {"embeddings": torch.ones(7, 1, 1, WIDTH), "cache": torch.arange(20).reshape(1, 5, 4)} | changes
    torch.save(content, data)
    return data.getvalue()


def test_a_saved_prompt_goes_on_where_its_ring_stands() -> None:
    read = read_prompt("anna", saved(), PATTERN, WIDTH)
    assert read.frames == 7
    assert catalogue(read).seconds(read) == 0.6
    assert read.start.tokens.tolist() == [[3, 7, 11, 15, 19], [NO_TOKEN, NO_TOKEN, 8, NO_TOKEN, 16]]


class Evil:
    """Would run when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path("/").joinpath, ("evil",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        saved(embeddings=Evil()),
        saved(embeddings=3),
        saved(cache="x"),
        saved(embeddings=torch.ones(7, 1, 1, WIDTH + 1)),
        saved(cache=torch.zeros(1, 6, 4)),
        saved(cache=torch.full((1, 5, 4), -2)),
        saved(cache=torch.full((1, 5, 4), 81)),
        saved(cache=torch.full((1, 5, 1), 3)),
        saved(cache=torch.full((1, 5, 4), -1)),
        saved(embeddings=torch.full((7, 1, 1, WIDTH), torch.nan)),
        saved(embeddings=torch.ones(7, 1, 1, WIDTH, dtype=torch.int64)),
    ],
)
def test_what_is_no_saved_prompt_is_refused_and_never_run(data: bytes) -> None:
    with pytest.raises(BadVoice, match=r"^anna\.pt"):
        read_prompt("anna", data, PATTERN, WIDTH)


class Program(torch.nn.Module):
    def forward(self) -> int:
        return 1


def test_what_pytorch_would_run_in_spite_of_weights_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program, old = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Program()), program)
    torch.save({"embeddings": torch.ones(7, 1, 1, WIDTH)}, old, _use_new_zipfile_serialization=False)

    def run(*_: object, **__: object) -> None:
        raise AssertionError("it was loaded as a program")

    monkeypatch.setattr(torch.jit, "load", run)
    monkeypatch.setattr(torch.serialization, "_legacy_load", run)
    with pytest.raises(BadVoice, match="it is a compiled program"):
        read_prompt("anna", program.getvalue(), PATTERN, WIDTH)
    with pytest.raises(BadVoice, match=r"not in the format that PyTorch writes since 1\.6"):
        read_prompt("anna", old.getvalue(), PATTERN, WIDTH)


def archive(path: Path, *entries: tuple[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
        if link:
            entry = tarfile.TarInfo("voices/linked.pt")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            file.addfile(entry)
    return path


def test_only_voices_are_read_from_an_archive_and_nothing_is_written(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = archive(
        inside / "voices.tgz",
        ("voices/anna.pt", saved()),
        ("voices/notes.txt", b"hello"),
        ("../../outside.pt", saved()),
        ("voices/.hidden.pt", saved()),
        link="/etc/passwd",
    )
    assert [one.id for one in from_archive(path, PATTERN, WIDTH)] == ["anna", "outside"]
    assert sorted(tmp_path.rglob("*")) == [inside, path]


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "voices.tgz"
    path.write_bytes(b"nothing")
    with pytest.raises(LoadError, match="is damaged"):
        from_archive(path, PATTERN, WIDTH)
    whole = archive(path, ("voices/anna.pt", saved())).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadError, match="is damaged"):
        from_archive(path, PATTERN, WIDTH)
    archive(path, ("voices/anna.pt", b"x"))
    with pytest.raises(LoadError, match=r"anna\.pt is not a saved voice"):
        from_archive(path, PATTERN, WIDTH)
    archive(path, *[(f"voices/{index}.txt", b"") for index in range(ARCHIVE_FILES + 1)])
    with pytest.raises(LoadError, match="more than 200 entries"):
        from_archive(path, PATTERN, WIDTH)


def tone(hertz: float, rate: int) -> NDArray[np.float32]:
    samples: NDArray[np.float64] = 0.25 * np.sin(2 * np.pi * hertz * np.arange(3 * rate) / rate)
    return samples.astype(np.float32)


def swelling_noise(rate: int) -> NDArray[np.float32]:
    """3.73 s, so that the last block does not end with the samples; its quiet parts are below the gate."""
    noise = np.random.Generator(np.random.Philox(key=(7, 0))).random(int(3.73 * rate)) * 0.4 - 0.2
    swell = np.abs(np.sin(np.arange(len(noise)) / rate * 2.1)) ** 2
    samples: NDArray[np.float64] = noise * swell
    return samples.astype(np.float32)


PYLOUDNORM = {
    24_000: {
        "60": -18.67387,
        "300": -15.87446,
        "1000": -15.09803,
        "3000": -11.95187,
        "8000": -11.74329,
        "noise": -19.44079,
    },
    48_000: {
        "60": -18.67391,
        "300": -15.87432,
        "1000": -15.08622,
        "3000": -11.97741,
        "8000": -11.74617,
        "noise": -19.20719,
    },
}
"""LUFS that pyloudnorm 0.2.0, which PersonaPlex's server uses, gives these signals: tones in Hz, and noise."""


@pytest.mark.parametrize("rate", PYLOUDNORM)
def test_loudness_is_what_personaplex_measures(rate: int) -> None:
    """Its filters differ by up to 0.09 dB from those of BS.1770, so a looser comparison would not tell them apart."""
    for name, expected in PYLOUDNORM[rate].items():
        samples = swelling_noise(rate) if name == "noise" else tone(float(name), rate)
        assert loudness(samples, rate) == pytest.approx(expected, abs=0.001), name
    # Pauses do not count: the gate leaves them out.
    loud = tone(1000, rate)
    paused = np.concatenate((loud, np.zeros(10 * rate, np.float32), loud))
    assert loudness(paused, rate) == pytest.approx(loudness(loud, rate), abs=0.5)


def test_a_recording_is_brought_to_the_loudness_of_the_others() -> None:
    loud = (np.sin(np.arange(72_000) * 0.2) * 0.7).astype(np.float32)
    assert loudness(normalised(loud, 24_000, -24), 24_000) == pytest.approx(-24, abs=0.01)
    for silent in (np.zeros(72_000, np.float32), loud[:2400]):
        with pytest.raises(ValueError, match="silent"):
            normalised(silent, 24_000, -24)


def test_remembered_voices_are_bounded_and_the_longest_unused_goes_first() -> None:
    memory = PromptKVCache(3 * 400)
    past = torch.zeros(100)
    for name in ("a", "b", "c"):
        memory.put(name, past.clone())
    assert memory.get("a") is not None
    memory.put("d", past.clone())
    assert ["a" in memory, "b" in memory, "c" in memory, "d" in memory] == [True, False, True, True]
    assert memory.bytes == 1200
    memory.put("large", torch.zeros(301))
    assert "large" not in memory
    assert memory.bytes == 1200
    forgetful = PromptKVCache(0)
    forgetful.put("a", past)
    assert forgetful.get("a") is None


def test_bad_persona_is_an_exception_of_its_own() -> None:
    with pytest.raises(BadPersona):
        catalogue().choose("anna", None)
