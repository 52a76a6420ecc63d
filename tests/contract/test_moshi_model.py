"""The batch over upstream's real classes and loading code, with the demo model, greedy."""

import dataclasses
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from moshi.models.loaders import CheckpointInfo
from numpy.typing import NDArray

from moshi_backend.checkpoint import find_checkpoint
from moshi_backend.model import BatchedModel, Frame, choose_device

FRAME = 1920
CPU = torch.device("cpu")
type Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def checkpoint() -> CheckpointInfo:
    return dataclasses.replace(find_checkpoint("demo", None), lm_gen_config={"use_sampling": False})


def batch(checkpoint: CheckpointInfo, slots: int) -> BatchedModel:
    return BatchedModel(checkpoint, slots, CPU, torch.float32)


def speech(seed: int, frames: int) -> list[Samples]:
    """Noise whose loudness wanders, so that frames differ."""
    generator = np.random.default_rng(seed)
    level = np.abs(np.sin(np.arange(frames) * generator.uniform(0.2, 1.0)))[:, None] * 0.4
    return list((generator.standard_normal((frames, FRAME)) * level).astype(np.float32))


def alone(model: BatchedModel, row: int, frames: list[Samples]) -> list[Frame]:
    model.join(row)
    said = [model.step({row: frame}) for frame in frames]
    return [frame[row] for frame in said if row in frame]


def assert_same(ours: list[Frame], theirs: list[Frame], tolerance: float = 0.0) -> None:
    assert [frame.text for frame in ours] == [frame.text for frame in theirs]
    assert len(ours) > 0
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.pcm, other.pcm, rtol=0, atol=tolerance)


def test_the_first_answer_needs_two_frames(checkpoint: CheckpointInfo) -> None:
    model = batch(checkpoint, 2)
    model.join(0)
    first, second = speech(1, 2)
    assert model.step({0: first}) == {}
    assert set(model.step({0: second})) == {0}


def test_the_demo_model_listens(checkpoint: CheckpointInfo) -> None:
    """Not degenerate: what it says depends on what it hears, is not constant, and is audible."""
    model = batch(checkpoint, 1)
    answers = [alone(model, 0, speech(seed, 40)) for seed in (1, 2)]
    pcm = [np.concatenate([frame.pcm for frame in answer]) for answer in answers]
    assert np.abs(pcm[0] - pcm[1]).max() > 0.01
    assert all(0.005 < np.sqrt((signal**2).mean()) < 0.3 for signal in pcm)
    assert len({frame.pcm.tobytes() for frame in answers[0]}) > 20


def test_the_demo_codec_tells_sounds_apart(checkpoint: CheckpointInfo) -> None:
    mimi = checkpoint.get_mimi()
    audio = torch.from_numpy(np.concatenate(speech(3, 60)))[None, None]
    with torch.no_grad():
        codes = mimi.encode(audio)[0]
        silence = mimi.encode(torch.zeros_like(audio))[0]
    assert min(len(set(book.tolist())) for book in codes) >= 8
    assert (codes != silence).float().mean() > 0.5


def test_the_demo_model_is_as_wordy_as_a_speaker() -> None:
    model = BatchedModel(find_checkpoint("demo", None), 8, CPU, torch.float32)
    torch.manual_seed(0)
    for row in range(8):
        model.join(row)
    said = [model.step(dict.fromkeys(range(8), frame)) for frame in speech(4, 100)]
    texts = [frame.text for frames in said for frame in frames.values()]
    assert 0.1 < sum(bool(text) for text in texts) / len(texts) < 0.7


def test_conversations_that_share_a_batch_answer_as_if_alone(checkpoint: CheckpointInfo) -> None:
    """Staggered starts, pauses, a slot used again, and longer than the attention's context of 256 frames."""
    model = batch(checkpoint, 3)
    starts: Mapping[int, tuple[int, int]] = {0: (0, 0), 1: (1, 7), 2: (2, 20), 3: (1, 130)}  # row, tick
    inputs = {0: speech(10, 290), 1: speech(11, 100), 2: speech(12, 60), 3: speech(13, 80)}
    pauses = {0: {5, 6, 50, 200}, 1: {20, 60, 61}, 2: set(), 3: {150, 151}}
    positions = dict.fromkeys(starts, 0)
    heard: dict[int, list[Frame]] = {session: [] for session in starts}
    for tick in range(310):
        frames: dict[int, Samples] = {}
        owner: dict[int, int] = {}
        for session, (row, start) in starts.items():
            if tick == start:
                model.join(row)
            if tick >= start and tick not in pauses[session] and positions[session] < len(inputs[session]):
                frames[row] = inputs[session][positions[session]]
                owner[row] = session
                positions[session] += 1
        if frames:
            for row, frame in model.step(frames).items():
                heard[owner[row]].append(frame)
    same_batch = batch(checkpoint, 3)
    for session, (row, _) in starts.items():
        assert positions[session] == len(inputs[session])
        assert_same(heard[session], alone(same_batch, row, inputs[session]))


def test_a_batch_answers_as_a_single_row_does(checkpoint: CheckpointInfo) -> None:
    frames = speech(20, 50)
    assert_same(alone(batch(checkpoint, 4), 2, frames), alone(batch(checkpoint, 1), 0, frames), tolerance=1e-5)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_broken_audio_stays_finite_and_leaves_nothing_to_the_next_conversation(
    poison: float, checkpoint: CheckpointInfo
) -> None:
    model = batch(checkpoint, 2)
    clean = alone(model, 1, speech(30, 12))
    broken = alone(model, 1, [np.full(FRAME, poison, np.float32)] * 5)
    assert all(np.isfinite(frame.pcm).all() for frame in broken)
    assert_same(alone(model, 1, speech(30, 12)), clean)


def test_joining_clears_a_poisoned_cache(checkpoint: CheckpointInfo) -> None:
    """Whatever poisoned it: upstream's reset alone keeps the NaN."""
    model = batch(checkpoint, 2)
    clean = alone(model, 1, speech(31, 12))
    assert model._caches
    for cache in model._caches:
        cache.cache[:, 1] = torch.nan
    assert_same(alone(model, 1, speech(31, 12)), clean)


def test_a_folder_is_a_checkpoint_like_any(tmp_path: Path, checkpoint: CheckpointInfo) -> None:
    for file in (resources.files("moshi_backend") / "demo").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert find_checkpoint(str(tmp_path), None).lm_config == checkpoint.lm_config


def test_a_folder_without_a_file_that_its_configuration_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no config\.json"):
        find_checkpoint(str(tmp_path), None)
    (tmp_path / "config.json").write_text('{"moshi_name": "model.safetensors"}')
    with pytest.raises(ValueError, match=r"names model\.safetensors"):
        find_checkpoint(str(tmp_path), None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_says_so() -> None:
    with pytest.raises(ValueError, match=r"MOSHI_DEVICE=cuda:1 but .* sees 0 GPUs"):
        choose_device("cuda:1")
    assert choose_device("auto") == CPU
