"""The batch over upstream's real classes and loading code, with the random model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from moshi.models import LMGen
from moshi.utils.compile import no_compile
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.gpu import full_size
from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.model.batch import BatchedModel, ForcedTokens, Frame
from moshi_backend.model.capacity import DoesNotFit
from moshi_backend.model.codec import Codec
from moshi_backend.model.device import NoSuchGPU, choose_device, free_memory
from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.loaders import load_mimi, load_moshi
from moshi_backend.model.plan import Plan
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.model.state import SlotState
from moshi_backend.model.step import Step
from support.checkpoints import RANDOM_MODEL
from support.speech import FRAME, Samples, assert_same, speech

CPU = torch.device("cpu")
GREEDY = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
LIVELY = SamplingParams(TokenSampling(0.7, 25, 1), TokenSampling(0.8, 250, 2))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return find_checkpoint(str(RANDOM_MODEL), None)


def batch(
    checkpoint: Checkpoint, slots: int, context: int | None = None, dtype: torch.dtype = torch.float32
) -> BatchedModel:
    return BatchedModel(checkpoint, slots, CPU, dtype, Plan(context))


def alone(model: BatchedModel, row: int, frames: list[Samples], sampling: SamplingParams = GREEDY) -> list[Frame]:
    model.join(row, sampling)
    said = [model.step({row: frame}) for frame in frames]
    return [frame[row] for frame in said if row in frame]


@torch.inference_mode()
def upstream(
    checkpoint: Checkpoint, frames: list[Samples], dtype: torch.dtype = torch.float32
) -> list[tuple[tuple[int, ...], Samples]]:
    """Tokens and sound of upstream's own classes, used as its server does, greedy."""
    with no_compile():
        mimi = load_mimi(checkpoint)
        generator = LMGen(load_moshi(checkpoint, "cpu", dtype), use_sampling=False)
        mimi.streaming_forever(1)
        generator.streaming_forever(1)
        said = []
        for index, frame in enumerate(frames):
            codes = mimi.encode(torch.from_numpy(frame)[None, None])
            if index == 0:
                mimi.reset_streaming()
            tokens = generator.step(codes)
            if tokens is not None:
                pcm = mimi.decode(tokens[:, 1:])[0, 0].numpy().copy()
                said.append((tuple(tokens[0, :, 0].tolist()), pcm))
        return said


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("slots", "row"), [(1, 0), (5, 3)])
def test_greedy_says_exactly_what_upstream_says(
    slots: int, row: int, dtype: torch.dtype, checkpoint: Checkpoint
) -> None:
    """Longer than the attention of the language model (256 steps) and of the codec (25 frames). In 16 bits every sum
    rounds, so the order of all additions has to be upstream's."""
    frames = speech(40, 400)
    theirs = upstream(checkpoint, frames, dtype)
    ours = alone(batch(checkpoint, slots, dtype=dtype), row, frames)
    assert [frame.tokens for frame in ours] == [tokens for tokens, _ in theirs]
    assert len(ours) == 399
    for frame, (_, pcm) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(frame.pcm, pcm, rtol=0, atol=2e-6)


def test_the_first_answer_needs_two_frames(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 2)
    model.join(0, GREEDY)
    first, second = speech(1, 2)
    assert model.step({0: first}) == {}
    assert set(model.step({0: second})) == {0}


def test_the_demo_model_listens(checkpoint: Checkpoint) -> None:
    """Not degenerate: what it says depends on what it hears, is not constant, and is audible."""
    model = batch(checkpoint, 1)
    answers = [alone(model, 0, speech(seed, 40)) for seed in (1, 2)]
    pcm = [np.concatenate([frame.pcm for frame in answer]) for answer in answers]
    assert np.abs(pcm[0] - pcm[1]).max() > 0.01
    assert all(0.005 < np.sqrt((signal**2).mean()) < 0.3 for signal in pcm)
    assert len({frame.pcm.tobytes() for frame in answers[0]}) > 20


def test_the_demo_codec_tells_sounds_apart(checkpoint: Checkpoint) -> None:
    mimi = load_mimi(checkpoint)
    audio = torch.from_numpy(np.concatenate(speech(3, 60)))[None, None]
    with torch.no_grad():
        codes = mimi.encode(audio)[0]
        silence = mimi.encode(torch.zeros_like(audio))[0]
    assert min(len(set(book.tolist())) for book in codes) >= 8
    assert (codes != silence).float().mean() > 0.5


def test_the_demo_model_is_as_wordy_as_a_speaker(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 8)
    for row in range(8):
        model.join(row, SamplingParams(TokenSampling(0.7, 25, row), TokenSampling(0.8, 250, row)))
    said = [model.step(dict.fromkeys(range(8), frame)) for frame in speech(4, 100)]
    texts = [model.vocabulary[frame.tokens[0]] for frames in said for frame in frames.values()]
    assert 0.1 < sum(map(bool, texts)) / len(texts) < 0.7


def test_conversations_that_share_a_batch_answer_as_if_alone(checkpoint: Checkpoint) -> None:
    """Sampled, each its own way, with staggered starts, pauses and a slot used again, past the attention's context of
    256 frames: the same seed and input give the same tokens, whoever else is there and in whichever slot."""
    model = batch(checkpoint, 3)
    starts: Mapping[int, tuple[int, int]] = {0: (0, 0), 1: (1, 7), 2: (2, 20), 3: (1, 130)}  # row, step
    inputs = {0: speech(10, 290), 1: speech(11, 100), 2: speech(12, 60), 3: speech(13, 80)}
    samplings = {
        0: LIVELY,
        1: GREEDY,
        2: SamplingParams(TokenSampling(1.2, 0, 7), TokenSampling(1.5, 5, 8)),
        3: SamplingParams(TokenSampling(0.1, 3, 9), TokenSampling(2.0, 0, 10)),
    }
    pauses = {0: {5, 6, 50, 200}, 1: {20, 60, 61}, 2: set(), 3: {150, 151}}
    positions = dict.fromkeys(starts, 0)
    heard: dict[int, list[Frame]] = {session: [] for session in starts}
    for step in range(310):
        frames: dict[int, Samples] = {}
        owner: dict[int, int] = {}
        for session, (row, start) in starts.items():
            if step == start:
                model.join(row, samplings[session])
            if step >= start and step not in pauses[session] and positions[session] < len(inputs[session]):
                frames[row] = inputs[session][positions[session]]
                owner[row] = session
                positions[session] += 1
        if frames:
            for row, frame in model.step(frames).items():
                heard[owner[row]].append(frame)
    for session, row in ((0, 0), (1, 4), (2, 1), (3, 2)):
        assert positions[session] == len(inputs[session])
        other = batch(checkpoint, row + 1)
        assert_same(heard[session], alone(other, row, inputs[session], samplings[session]), tolerance=1e-5)


def test_another_seed_says_something_else(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 1)
    frames = speech(5, 30)
    said = [[frame.tokens for frame in alone(model, 0, frames, sampling)] for sampling in (LIVELY, LIVELY)]
    assert said[0] == said[1]
    other = SamplingParams(LIVELY.text, TokenSampling(0.8, 250, 3))
    assert [frame.tokens for frame in alone(model, 0, frames, other)] != said[0]


def test_given_tokens_are_said_and_remembered(checkpoint: Checkpoint) -> None:
    """Forcing the tokens that a row chose on its own changes nothing; forcing others changes what follows."""
    model = batch(checkpoint, 3)
    frames = speech(6, 40)
    free = alone(model, 1, frames, LIVELY)

    def forced(given: Mapping[int, ForcedTokens]) -> list[Frame]:
        model.join(2, GREEDY)
        model.join(0, GREEDY)
        said = []
        for index, frame in enumerate(frames):
            inputs = {2: frame, 0: frame}
            said.append(model.step(inputs, {2: given[index]} if index in given else None))
        return [frame[2] for frame in said if 2 in frame]

    # The tokens of a moment are chosen in different steps: text and the first codebook one step before the others.
    tokens = [frame.tokens for frame in free]
    own = {
        index: ForcedTokens(text=tokens[index][0], audio=(tokens[index][1], *tokens[index - 1][2:]))
        for index in range(1, len(tokens))
    }
    said = forced({0: ForcedTokens(text=tokens[0][0], audio=(tokens[0][1], *[0] * 7)), **own})
    assert [frame.tokens for frame in said[:-1]] == tokens[:-1]
    silent = forced({index: ForcedTokens(text=3) for index in range(len(frames))})
    assert {frame.tokens[0] for frame in silent} == {3}
    assert [frame.tokens for frame in silent] != [frame.tokens for frame in forced({})]


def test_a_shorter_context_forgets_sooner_and_takes_less_memory(checkpoint: Checkpoint) -> None:
    frames = speech(7, 60)
    full, short = batch(checkpoint, 2), batch(checkpoint, 2, context=20)
    assert short.context == 20
    assert short.slot_bytes < full.slot_bytes
    long_memory, short_memory = ([frame.tokens for frame in alone(model, 1, frames)] for model in (full, short))
    assert long_memory[:19] == short_memory[:19]
    assert long_memory != short_memory
    assert batch(checkpoint, 1, context=10_000).context == 256


def test_a_step_recorded_once_and_replayed_is_the_step_itself(checkpoint: Checkpoint) -> None:
    """What a CUDA graph demands, without a GPU: the same operations on the same memory whatever the values are. The
    recorder fails on an operation that asks for a value."""
    frames = speech(8, 30)
    eager, replayed = batch(checkpoint, 3), batch(checkpoint, 3)
    replayed._step.recordable = True
    with torch.inference_mode():
        graph = make_fx(lambda: replayed._step(3))()
    recorded: list[int] = []

    def replay(rows: int) -> None:
        recorded.append(rows)
        graph()

    replayed._run = replay
    for model in (eager, replayed):
        for row in range(3):
            model.join(row, LIVELY)
    for index, frame in enumerate(frames):
        inputs = {row: frame for row in range(3) if row == 2 or index % (row + 2) or index < 3}
        ours, theirs = eager.step(inputs), replayed.step(inputs)
        assert ours.keys() == theirs.keys()
        for row in ours:
            assert ours[row].tokens == theirs[row].tokens
            np.testing.assert_array_equal(ours[row].pcm, theirs[row].pcm)
    assert recorded == [3] * len(frames)


class Visits(TorchDispatchMode):
    """Operations that read or make a tensor elsewhere than on `device`."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device
        self.total = 0
        self.elsewhere: list[str] = []

    def __torch_dispatch__(
        self, operation: Any, types: object, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        result = operation(*arguments, **(options or {}))
        tensors = [leaf for leaf in tree_leaves((arguments, options, result)) if isinstance(leaf, torch.Tensor)]
        self.total += 1
        if any(tensor.device != self.device for tensor in tensors):
            self.elsewhere.append(str(operation))
        return result


@torch.inference_mode()
def test_a_step_of_the_released_architecture_stays_on_its_device() -> None:
    """As a CUDA graph demands: no copy to or from the host. On the device that holds no numbers, in bfloat16."""
    nowhere = torch.device("meta")
    released = full_size()
    state = SlotState(4, nowhere)
    language = LanguageModel(load_moshi(released, nowhere), state, Plan())
    mimi = load_mimi(released, nowhere)
    step = Step(Codec(mimi, state), language, mimi.frame_size, 4, nowhere)
    with Visits(nowhere) as visits:
        step(3)
    assert visits.elsewhere == []
    assert visits.total > 1000


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_broken_audio_stays_finite_and_leaves_nothing_to_the_next_conversation(
    poison: float, checkpoint: Checkpoint
) -> None:
    model = batch(checkpoint, 2)
    clean = alone(model, 1, speech(30, 12))
    broken = alone(model, 1, [np.full(FRAME, poison, np.float32)] * 5)
    assert all(np.isfinite(frame.pcm).all() for frame in broken)
    assert_same(alone(model, 1, speech(30, 12)), clean)


def test_joining_clears_a_poisoned_row_and_nothing_else(checkpoint: Checkpoint) -> None:
    """Whatever poisoned it: upstream's reset alone keeps the NaN."""
    model = batch(checkpoint, 2)
    frames = speech(31, 12)
    clean = alone(model, 1, frames)
    neighbour = alone(model, 0, speech(32, 6))
    model.join(0, GREEDY)
    kept = [model.step({0: frame}) for frame in speech(32, 3)]
    floats = [(tensor, rows) for tensor, rows in model._state._tensors if tensor.is_floating_point()]
    assert len(floats) > 20
    with torch.inference_mode():
        for tensor, rows in floats:
            tensor.select(rows, 1).fill_(torch.nan)
    assert_same(alone(model, 1, frames), clean)
    kept += [model.step({0: frame}) for frame in speech(32, 6)[3:]]
    assert_same([frame[0] for frame in kept if 0 in frame], neighbour)


def test_slots_are_what_fits(checkpoint: Checkpoint) -> None:
    assert BatchedModel(checkpoint, None, CPU, torch.float32).slots >= 8
    with pytest.raises(DoesNotFit) as caught:
        batch(checkpoint, 100_000_000)
    assert (caught.value.wanted, caught.value.fitting > 8) == (100_000_000, True)
    assert 2**20 < free_memory(CPU) < 2**50


def test_a_row_takes_what_its_tensors_take(checkpoint: Checkpoint) -> None:
    model = batch(checkpoint, 3)
    assert sum(tensor.nbytes for tensor, _ in model._state._tensors) == 3 * model.slot_bytes


def test_a_folder_is_a_checkpoint_like_any(tmp_path: Path, checkpoint: Checkpoint) -> None:
    for file in RANDOM_MODEL.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert find_checkpoint(str(tmp_path), None).lm_config == checkpoint.lm_config


def test_a_folder_without_a_file_that_its_configuration_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"no config\.json"):
        find_checkpoint(str(tmp_path), None)
    (tmp_path / "config.json").write_text('{"moshi_name": "model.safetensors"}')
    with pytest.raises(LoadError, match=r"names model\.safetensors"):
        find_checkpoint(str(tmp_path), None)


@pytest.mark.parametrize("key", ["moshi_name", "mimi_name"])
def test_weights_that_could_run_code_are_refused(tmp_path: Path, key: str) -> None:
    for file in RANDOM_MODEL.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "weights.pth").write_bytes(b"a pickle")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {key: "weights.pth"}))
    with pytest.raises(LoadError, match=r"weights\.pth is not in the safetensors format"):
        find_checkpoint(str(tmp_path), None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_says_so() -> None:
    with pytest.raises(NoSuchGPU, match="sees 0 GPUs"):
        choose_device("cuda:1")
    assert choose_device("auto") == CPU
