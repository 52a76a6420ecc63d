"""A PersonaPlex as it is served, against the whole model stepped as its own server steps it."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from moshi.models import LMModel
from moshi.models.loaders import get_moshi_lm
from moshi.utils.compile import no_compile
from safetensors.torch import save_file

import personaplex_checkpoint as made
from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.checkpoint.shape import language_model_config
from moshi_backend.errors import LoadError
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.loaders import build_moshi, load_mimi, load_moshi, load_tokenizer
from moshi_backend.model.prompt import Prompt, PromptStart
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.model.tokens import Tokens
from moshi_backend.personas.catalogue import Catalogue, Persona
from moshi_backend.personas.presets import Preset
from moshi_backend.personas.voices import Voice, from_archive, read_prompt
from support.speech import Samples, speech

CHUNK = 32
CPU = torch.device("cpu")
GREEDY = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
TEXT = "you are the good bird of this house and you like to talk about the weather"
FRAMES = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("personaplex")
    made.make(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Checkpoint:
    checkpoint = find_checkpoint(str(folder), None)
    assert checkpoint.kind == "personaplex"
    return checkpoint


@pytest.fixture(scope="module")
def full(folder: Path) -> LMModel:
    """With all 16 depformer steps, by upstream's own loader."""
    content = json.loads((folder / "config.json").read_text())
    kwargs = {name: content[name] for name in content if name not in ("model_type", "mimi_config_name")}
    return get_moshi_lm(folder / "model.safetensors", kwargs | {"dep_q": 16}, "cpu", torch.float32)


def batch(checkpoint: Checkpoint, slots: int, memory: int = 0) -> BatchedModel:
    return BatchedModel(checkpoint, slots, CPU, torch.float32, prompt_cache=memory)


def catalogue(checkpoint: Checkpoint, model: BatchedModel, *voices: Voice) -> Catalogue:
    tokenizer = load_tokenizer(checkpoint)
    return Catalogue(
        model.delay_pattern, model.codebook_size, tokenizer, voices, [], None, "free", 100, model.frame_seconds
    )


def codes_of(checkpoint: Checkpoint, frames: list[Samples]) -> Tokens:
    """[frames, codebooks], frame by frame."""
    with no_compile(), torch.no_grad():
        mimi = load_mimi(checkpoint, "cpu")
        mimi.streaming_forever(1)
        codes = [mimi.encode(torch.from_numpy(frame)[None, None])[0, :, 0].numpy() for frame in frames]
    return np.stack(codes)


def talked(model: BatchedModel, row: int, prompt: Prompt | None, frames: list[Samples]) -> list[Frame]:
    model.join(row, GREEDY, prompt)
    read(model, row, prompt)
    said = [model.step({row: frame}) for frame in frames]
    return [frame[row] for frame in said if row in frame]


def read(model: BatchedModel, row: int, prompt: Prompt | None) -> int:
    """Chunks that it took."""
    chunks = 0
    while prompt is not None:
        prefill, chunks = model.prefill(row, CHUNK), chunks + 1
        if prefill.done == prefill.total:
            break
    return chunks


@torch.no_grad()
def in_full(lm: LMModel, prompt: Tokens, heard: Tokens) -> list[tuple[int, ...]]:
    """What the whole model says after `prompt`, [frames, streams], while it hears `heard`, [frames, codebooks], greedy.

    PersonaPlex's way: a frame is written where it is due, and the model is fed the position before that. The text and
    the first code of a frame stand one position before its other codes.
    """
    total = len(prompt) + len(heard)
    tokens = torch.full((len(lm.delays), total + 2), -2)
    for stream, delay in enumerate(lm.delays):
        given = prompt[:, stream] if stream < 9 else np.concatenate((prompt[:, stream], heard[:, stream - 9]))
        tokens[stream, delay : delay + len(given)] = torch.from_numpy(given)
        tokens[stream, : delay + 1] = lm.initial_token_id if stream else lm.text_initial_token_id
    with no_compile(), lm.streaming(1):
        for target in range(1, total):
            hidden, logits = lm.forward_text(tokens[None, :, target - 1 : target])
            if tokens[0, target] < 0:
                tokens[0, target] = logits[0, 0, 0].argmax()
            token = tokens[0, target]
            assert lm.depformer is not None
            with lm.depformer.streaming(1):
                for step in range(lm.dep_q):
                    scores = lm.forward_depformer(step, token[None, None, None], hidden)
                    if tokens[1 + step, target] < 0:
                        tokens[1 + step, target] = scores[0, 0, 0].argmax()
                    token = tokens[1 + step, target]
    first, delays = len(prompt), lm.delays[:9]
    moments = range(first, total - max(delays))
    return [tuple(int(tokens[stream, at + delays[stream]]) for stream in range(9)) for at in moments]


def prompt_of(catalogue: Catalogue, says: Tokens | None, text: str) -> Tokens:
    """All frames of a prompt, voice, pause, text, pause, each in its parts."""
    silence, tone = ([code % 64 for code in codes] for codes in (made_silence(), made_tone()))
    voice = [] if says is None else [[3, *frame, *tone] for frame in says]
    pause = [[3, *silence, *tone]] * 6
    words = [[token, *silence, *tone] for token in catalogue.tokens(text)] if text else []
    return np.array(voice + pause + words + (pause if text or says is not None else []), np.int64)


def made_silence() -> tuple[int, ...]:
    return (948, 243, 1178, 546, 1736, 1030, 1978, 2008)


def made_tone() -> tuple[int, ...]:
    return (430, 1268, 381, 1611, 1095, 1495, 56, 472)


@pytest.mark.parametrize("kind", ["recorded", "saved", "text only"])
def test_the_agent_says_what_the_full_model_says(kind: str, checkpoint: Checkpoint, full: LMModel) -> None:
    """Greedy, over hundreds of frames, past the attention's context: half the depformer, prompts read in chunks beside
    a neighbour, against all 16 steps with the prompt forced frame by frame."""
    model = batch(checkpoint, 3)
    spoken = codes_of(checkpoint, speech(1, 40))
    recorded = Voice("a", PromptStart(model.delay_pattern.initial()), spoken)
    frames = np.array([[3, *frame, *(code % 64 for code in made_tone())] for frame in spoken], np.int64)
    data = BytesIO()
    with torch.no_grad():
        torch.save(made.saved(full, torch.from_numpy(frames)), data)
    saved = read_prompt("b", data.getvalue(), model.delay_pattern, model.width)
    offered = catalogue(checkpoint, model, recorded, saved)
    persona = Persona({"recorded": "a", "saved": "b", "text only": None}[kind], TEXT)
    prompt = offered.prompt(persona)
    assert prompt is not None
    live = speech(2, FRAMES)

    model.join(1, GREEDY)
    neighbour = iter(speech(3))
    model.join(2, GREEDY, prompt)
    while (prefill := model.prefill(2, 7)).done < prefill.total:
        model.step({1: next(neighbour)})
    model.step({1: next(neighbour)})
    ours = [frame[2] for frame in (model.step({2: frame}) for frame in live) if 2 in frame]

    tokens = prompt_of(offered, None if kind == "text only" else spoken, TEXT)
    assert prefill.total == len(tokens) - 1
    # The first frame of a conversation is not heard, as with upstream's servers.
    theirs = in_full(full, tokens, codes_of(checkpoint, live[1:]))
    assert len(theirs) == FRAMES - 2
    assert [frame.tokens for frame in ours[: len(theirs)]] == theirs
    assert len(set(theirs)) > FRAMES // 2  # alive, not one frame for ever


def test_a_depformer_of_16_steps_is_loaded_as_the_8_that_speak(checkpoint: Checkpoint, full: LMModel) -> None:
    lm = load_moshi(checkpoint, "cpu", torch.float32)
    assert (lm.dep_q, full.dep_q) == (8, 16)
    theirs = full.state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in lm.state_dict().items())
    halved = sum(weight.numel() for name, weight in theirs.items() if name not in lm.state_dict())
    assert halved > 0.4 * sum(weight.numel() for name, weight in theirs.items() if "depformer.layers" in name)


def test_unpacked_weights_load_too_and_missing_ones_are_named(full: LMModel, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "model.safetensors").unlink()
    state = {name: weight.contiguous() for name, weight in full.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    lm = load_moshi(find_checkpoint(str(tmp_path), None), "cpu", torch.float32)
    assert all(torch.equal(weight, state[name]) for name, weight in lm.state_dict().items())
    del state["linears.3.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(LoadError, match=r"does not fit config\.json: it lacks linears\.3\.weight"):
        find_checkpoint(str(tmp_path), None)


def test_a_configuration_without_a_model_means_the_released_one(checkpoint: Checkpoint) -> None:
    """The real repository's names nothing but its kind. Bytes are counted without memory for any."""
    unnamed = replace(checkpoint, lm_config=language_model_config({"version": "7b-v1"}, "personaplex"))
    lm = build_moshi(unnamed, "meta", torch.bfloat16)
    assert (lm.dim, lm.dep_q, lm.n_q, lm.card, len(lm.transformer.layers)) == (4096, 8, 16, 2048, 32)
    whole = get_moshi_lm(None, {**unnamed.lm_config, "dep_q": 16}, "meta", torch.bfloat16)
    sizes = [sum(weight.numel() for weight in model.parameters()) for model in (whole, lm)]
    assert [round(size / 1e9, 2) for size in sizes] == [8.37, 7.69]


def test_a_plain_moshi_is_loaded_as_before() -> None:
    assert find_checkpoint("demo", None).kind == "moshi"


def test_a_remembered_voice_says_the_same_and_leaves_less_to_read(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 3, memory=2**20)
    archive = checkpoint.voices
    assert archive is not None
    offered = catalogue(checkpoint, model, *from_archive(archive, model.delay_pattern, model.width))
    prompt = offered.prompt(Persona("NATM0", TEXT))
    other = offered.prompt(Persona("NATF0", TEXT))
    assert prompt is not None and other is not None
    live = speech(4, 60)
    cold = talked(model, 0, prompt, live)
    model.join(2, GREEDY, prompt)
    first = model.prefill(2, CHUNK)
    assert first.cached
    assert first.done == min(first.total, prompt.shared + CHUNK)
    read(model, 2, prompt)
    warm = [frame[2] for frame in (model.step({2: frame}) for frame in live) if 2 in frame]
    assert [frame.tokens for frame in warm] == [frame.tokens for frame in cold]
    assert [frame.tokens for frame in talked(model, 1, other, live)] != [frame.tokens for frame in cold]


def test_a_prompt_leaves_the_neighbours_as_they_are(checkpoint: Checkpoint) -> None:
    """Bit for bit: what a live row says while another row reads, joins, is given up in the middle and used again."""
    model = batch(checkpoint, 2)
    prompt = catalogue(checkpoint, model).prompt(Persona(None, TEXT))
    live = speech(5, 80)
    model.join(0, GREEDY)
    undisturbed = [said[0].pcm for said in (model.step({0: frame}) for frame in live) if said]
    model.join(0, GREEDY)
    disturbed = []
    for index, frame in enumerate(live):
        if index in (10, 20, 60):
            model.join(1, GREEDY, prompt)
        if index in (11, 21, 22, 23, 61):
            model.prefill(1, CHUNK)
        if said := model.step({0: frame}):
            disturbed.append(said[0].pcm)
    assert len(disturbed) == len(live) - 1
    for one, other in zip(undisturbed, disturbed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_row_given_up_in_its_prefill_leaves_nothing_to_the_next(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 1)
    offered = catalogue(checkpoint, model)
    live = speech(6, 40)
    fresh = [frame.tokens for frame in talked(model, 0, None, live)]
    model.join(0, GREEDY, offered.prompt(Persona(None, TEXT)))
    model.prefill(0, CHUNK)
    assert [frame.tokens for frame in talked(model, 0, None, live)] == fresh
    assert [frame.tokens for frame in talked(model, 0, offered.prompt(Persona(None, TEXT)), live)] != fresh


def test_a_text_changes_what_is_said(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 1)
    offered = catalogue(checkpoint, model)
    live = speech(7, 40)
    texts = ("you are a bird", "you are a ship")
    one, other = (talked(model, 0, offered.prompt(Persona(None, text)), live) for text in texts)
    assert [frame.tokens for frame in one] != [frame.tokens for frame in other]


def test_presets_are_no_part_of_a_prompt(checkpoint: Checkpoint) -> None:
    """A preset is its text."""
    model = batch(checkpoint, 1)
    preset = Preset(id="a", name="A", text=TEXT)
    tokenizer = load_tokenizer(checkpoint)
    offered = Catalogue(
        model.delay_pattern, model.codebook_size, tokenizer, [], [preset], None, "presets", 100, model.frame_seconds
    )
    chosen = offered.choose(None, f" {TEXT} ")
    assert chosen == Persona(None, TEXT)


def chunks(model: BatchedModel, prompt: Prompt) -> Iterator[int]:
    model.join(0, GREEDY, prompt)
    while True:
        prefill = model.prefill(0, CHUNK)
        yield prefill.done
        if prefill.done == prefill.total:
            return


def test_a_prompt_is_read_in_bounded_chunks(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 1)
    prompt = catalogue(checkpoint, model).prompt(Persona(None, " ".join([TEXT] * 6)))
    assert prompt is not None
    done = [0, *chunks(model, prompt)]
    assert max(after - before for before, after in itertools.pairwise(done)) == CHUNK
    assert done[-1] == prompt.steps
