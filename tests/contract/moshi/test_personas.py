"""Voices and roles at the service as a user starts it, with a random checkpoint in PersonaPlex's shape."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import sphn
import torch
from websockets.asyncio.client import connect

import personaplex_checkpoint as made
from loadtest.client import converse, encode, noise
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.loading import load, persona_options
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.plan import Plan
from moshi_backend.model.speech import SpeechEncoder
from moshi_backend.personas.loading import open_catalogue
from moshi_backend.personas.presets import CHARACTERS
from moshi_backend.personas.recordings import Recordings
from moshi_backend.settings import Settings
from support.chatting import closing, handshake, metadata, slots_become
from support.checkpoints import RANDOM_MODEL
from support.hub import running_hub
from support.services import Service, running_moshi

TEXT = "you are a good bird"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("personaplex")
    made.make(folder)
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    record(folder / "own.wav", 2.0, rate=24_000)
    return folder


def record(path: Path, seconds: float, rate: int = 44_100, level: float = 0.1) -> None:
    generator = np.random.default_rng(1)
    sound = generator.standard_normal(round(seconds * rate)) * level
    sphn.write_wav(str(path), sound.astype(np.float32), rate)


@pytest.fixture(scope="module")
def moshi(checkpoint: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"MOSHI_MODEL": str(checkpoint), "MOSHI_VOICES": str(recordings), "MOSHI_SLOTS": "2"}
    with running_moshi(tmp_path_factory.mktemp("moshi"), settings) as moshi:
        yield moshi


def test_info_says_what_there_is_to_choose(moshi: Service) -> None:
    personas = moshi.get("/api/info").json()["personas"]
    assert [voice["id"] for voice in personas["voices"]] == ["NATF0", "NATM0", "VARF0", "own"]
    assert personas["voices"][-1]["seconds"] == 2.0
    assert personas["default_voice"] == "NATF0"
    assert personas["text_prompt"] == "free"
    assert (personas["max_characters"], personas["max_tokens"]) == (CHARACTERS, 85)  # a third of 256 steps
    assert all(preset["tokens"] <= 85 and preset["text"] for preset in personas["presets"])
    assert len(personas["presets"]) >= 3


@pytest.mark.anyio
async def test_the_voice_is_prepared_before_the_handshake_and_told(moshi: Service) -> None:
    async with connect(f"{moshi.chat}?protocol=2&voice_prompt=own&text_prompt={quote(TEXT)}") as socket:
        prefill = await metadata(socket, "prefill")
        assert prefill["done"] == 0
        session = await metadata(socket, "session")
        steps = session["prefill"]["steps"]
        assert steps == prefill["total"] == 25 + 6 + 7 + 6 - 1
        assert session["settings"]["voice_prompt"] == "own"
        assert session["settings"]["text_prompt"] == TEXT
        assert session["prefill"]["remembered"] is False
        await handshake(socket)
    async with connect(f"{moshi.chat}?protocol=2&voice_prompt=own") as socket:
        assert (await metadata(socket, "session"))["prefill"]["remembered"] is True
    await slots_become(moshi, 0)


@pytest.mark.anyio
async def test_clients_of_upstream_and_of_personaplex_work_unchanged(moshi: Service) -> None:
    """They ask for no metadata, and the latter sends every parameter, empty or not."""
    for query in ("", f"?voice_prompt=NATM0.pt&text_prompt={quote(TEXT)}&seed=-1", "?voice_prompt=&text_prompt="):
        said = await converse(moshi.chat + query, encode(noise(2.0)))
        assert len(said.heard) == len(said.sent) - 1
        assert (said.events, said.unknown_events) == ([], 0)


@pytest.mark.anyio
async def test_voice_and_role_decide_what_is_said_and_the_seed_repeats_it(moshi: Service) -> None:
    messages = encode(noise(3.0, seed=5))
    queries = ("voice_prompt=NATM0", "voice_prompt=own", f"voice_prompt=own&text_prompt={quote(TEXT)}")
    said = [await converse(f"{moshi.chat}?seed=3&{query}", messages) for query in queries]
    again = await converse(f"{moshi.chat}?seed=3&{queries[-1]}", messages)
    assert len({one.text for one in said}) == 3
    assert again.text == said[-1].text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("voice_prompt=..%2Fown", "voice_prompt='../own': there is no such voice; takes NATF0, NATM0, ..."),
        (f"text_prompt={'a%20' * 100}", "text_prompt has 101 tokens; takes 85 at most"),
        (f"text_prompt={'Q' * (CHARACTERS + 1)}", "text_prompt has 4001 characters; takes 4000 at most"),
    ],
)
async def test_what_is_not_taken_is_refused_before_the_handshake(query: str, reason: str, moshi: Service) -> None:
    async with connect(f"{moshi.chat}?{query}") as socket:
        code, said = await closing(socket)
    assert code == 4001
    assert re.sub(r"\d+ tokens", "101 tokens", said) == reason
    await slots_become(moshi, 0)


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["Q" * CHARACTERS, "语" * 800])  # one token each: the model knows no such word
async def test_the_longest_text_fits_into_the_address(text: str, moshi: Service) -> None:
    async with connect(f"{moshi.chat}?protocol=2&seed=1&voice_prompt=own&text_prompt={quote(text)}") as socket:
        assert (await metadata(socket, "session"))["settings"]["text_prompt"] == text


@pytest.mark.anyio
async def test_who_leaves_while_its_voice_is_prepared_frees_the_slot(moshi: Service) -> None:
    for _ in range(20):
        async with connect(f"{moshi.chat}?protocol=2&voice_prompt=VARF0&text_prompt={quote(TEXT)}") as socket:
            await metadata(socket, "prefill")
    await slots_become(moshi, 0)
    assert moshi.get("/health").status_code == 200


@pytest.mark.anyio
async def test_a_role_is_not_logged(moshi: Service) -> None:
    await converse(f"{moshi.chat}?text_prompt=secretrole", encode(noise(0.5)))
    assert "secretrole" not in moshi.log.read_text()


@pytest.mark.anyio
async def test_a_plain_moshi_takes_voices_of_ones_own_and_no_roles(recordings: Path, tmp_path: Path) -> None:
    with running_moshi(tmp_path, {"MOSHI_VOICES": str(recordings)}) as moshi:
        personas = moshi.get("/api/info").json()["personas"]
        assert [voice["id"] for voice in personas["voices"]] == ["own"]
        assert (personas["default_voice"], personas["text_prompt"], personas["presets"]) == (None, "off", [])
        async with connect(moshi.chat + "?text_prompt=be+kind") as socket:
            assert await closing(socket) == (4001, "text_prompt: this model was not made for one; leave it out")
        messages = encode(noise(2.0, seed=5))
        said = [await converse(f"{moshi.chat}?seed=3{query}", messages) for query in ("", "&voice_prompt=own")]
        assert said[0].text != said[1].text


def test_a_plain_moshi_without_voices_offers_nothing(services: dict[str, Service]) -> None:
    assert services["moshi"].get("/api/info").json()["personas"] is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"MOSHI_DEFAULT_VOICE": "nobody"}, "MOSHI_DEFAULT_VOICE=nobody: there is no such voice; there are: NATF0"),
        ({"MOSHI_VOICES": "/nowhere"}, "MOSHI_VOICES=/nowhere is not a folder"),
        ({"MOSHI_PRESETS": "/nowhere.json"}, "MOSHI_PRESETS=/nowhere.json cannot be read"),
        ({"MOSHI_CONTEXT": "100"}, "more than a third of the 8 s that the model remembers"),
    ],
)
def test_what_cannot_be_offered_is_said_at_the_start(
    settings: dict[str, str], says: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    given = Settings(model=str(checkpoint))
    found = find_checkpoint(given.model, None)
    model = BatchedModel(found, 1, torch.device("cpu"), torch.float32, Plan(given.context))
    with pytest.raises(LoadError, match=re.escape(says)):
        open_catalogue(persona_options(given), found, model, given.model)


def test_a_recording_is_encoded_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    encoder = SpeechEncoder(find_checkpoint(str(RANDOM_MODEL), None))
    path, kept = tmp_path / "a.wav", tmp_path / "kept"
    record(path, 1.5)
    first = Recordings(encoder, kept).encode(path)
    assert first.shape == (19, 8)

    def fail(samples: object) -> None:
        raise AssertionError("encoded again")

    unused = SpeechEncoder(find_checkpoint(str(RANDOM_MODEL), None))
    unused.encode = fail  # type: ignore[assignment, method-assign]
    np.testing.assert_array_equal(Recordings(unused, kept).encode(path), first)
    [file] = kept.iterdir()
    file.write_bytes(b"damaged")
    np.testing.assert_array_equal(Recordings(encoder, kept).encode(path), first)
    record(path, 2.5)
    assert Recordings(encoder, kept).encode(path).shape == (32, 8)
    # Twice as loud is the same voice.
    record(tmp_path / "b.wav", 1.5, level=0.2)
    louder = Recordings(encoder, tmp_path / "none").encode(tmp_path / "b.wav")
    assert (louder == first).mean() > 0.95


@pytest.mark.parametrize("kind", ["text", "short", "long", "silent", "name", "saved"])
def test_a_file_that_is_no_voice_stops_the_start_and_is_named(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    says = {"text": "cannot be read", "short": "lasts 0.5 s", "long": "lasts 31.0 s", "silent": "it is silent"}
    match kind:
        case "text":
            (tmp_path / "a.wav").write_text("no sound")
        case "name":
            record(tmp_path / "a b.wav", 2)
        case "saved":
            (tmp_path / "a.pt").write_bytes(b"no tensors")
        case _:
            seconds = {"short": 0.5, "long": 31.0, "silent": 2.0}[kind]
            record(tmp_path / "a.wav", seconds, rate=24_000, level=0.0 if kind == "silent" else 0.1)
    given = Settings(model=str(checkpoint), voices=tmp_path, state_dir=tmp_path / "state")
    found = find_checkpoint(given.model, None)
    model = BatchedModel(found, 1, torch.device("cpu"), torch.float32)
    with pytest.raises(LoadError, match=says.get(kind, "a voice's name" if kind == "name" else "not a saved voice")):
        open_catalogue(persona_options(given), found, model, given.model)


def test_a_personaplex_in_a_hub_comes_with_its_voices(checkpoint: Path, tmp_path: Path) -> None:
    with running_hub(checkpoint) as hub:
        settings = {"MOSHI_MODEL": "org/model", "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        with running_moshi(tmp_path, settings) as moshi:
            assert len(moshi.get("/api/info").json()["personas"]["voices"]) == 3
        assert hub.asked


def test_a_personaplex_without_voices_takes_roles(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "model" / "voices.tgz").unlink()
    loaded = load(Settings(model=str(tmp_path / "model"), device="cpu", slots=1), lambda *_: None)
    assert (loaded.catalogue.voices, loaded.catalogue.texts) == ({}, "free")


@pytest.mark.anyio
async def test_who_waits_for_a_slot_is_told_its_place_and_then_its_voice_is_prepared(moshi: Service) -> None:
    async with connect(moshi.chat) as one, connect(moshi.chat) as two:
        await asyncio.gather(handshake(one), handshake(two))
        async with connect(moshi.chat + "?protocol=2&voice_prompt=NATM0") as third:
            assert (await metadata(third, "queue"))["position"] == 1
            await one.close()
            assert (await metadata(third, "prefill"))["done"] == 0
            assert (await metadata(third, "session"))["prefill"]["steps"] > 0
            await handshake(third)
    await slots_become(moshi, 0)
