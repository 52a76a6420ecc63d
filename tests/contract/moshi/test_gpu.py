"""The batch on a GPU; skipped where there is none. Steps are CUDA graphs there, so what they say is compared with what
the same operations say one by one, and with what a CPU says."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.gpu import full_size
from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.loading import load
from moshi_backend.model import codec
from moshi_backend.model.attention.flash import FlashAttention
from moshi_backend.model.attention.masked import MaskedAttention
from moshi_backend.model.attention.ring import Ring
from moshi_backend.model.attention.rotation import Rotary
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.device import choose_device, used_memory
from moshi_backend.model.kernels.selfcheck import try_kernels
from moshi_backend.model.plan import Plan
from moshi_backend.model.prompt import Prompt, PromptStart
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.settings import Settings
from support.checkpoints import RANDOM_MODEL
from support.speech import assert_same, speech

CPU = torch.device("cpu")
GREEDY = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
LIVELY = SamplingParams(TokenSampling(0.7, 25, 1), TokenSampling(0.8, 250, 2))
SLOTS = 5
FRAMES = 60


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return find_checkpoint(str(RANDOM_MODEL), None)


@pytest.fixture(scope="module")
def narrow() -> Checkpoint:
    """The released architecture, but small and with random weights. Our kernels take its heads."""
    released = full_size()
    sizes = {"num_layers": 2, "dim": 512, "num_heads": 4, "context": 50, "depformer_num_layers": 2}
    return replace(released, lm_config={**released.lm_config, **sizes})


@pytest.fixture
def gpu() -> Iterator[torch.device]:
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    yield choose_device("cuda")
    torch.cuda.empty_cache()


def batch(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    cuda_graphs: bool = True,
    plan: Plan | None = None,
    slots: int = SLOTS,
) -> BatchedModel:
    """As the service makes it: with its own kernels where they run. Random weights are the same ones each time."""
    torch.manual_seed(4)
    plan = plan or Plan(kernels=try_kernels(device, dtype, wanted=True).kernels)
    return BatchedModel(checkpoint, slots, device, dtype, plan, cuda_graphs=cuda_graphs)


def prompt(model: BatchedModel) -> Prompt:
    """Forty frames of anything."""
    frames = np.random.default_rng(5).integers(4, 60, (40, len(model.delay_pattern.delays)))
    return Prompt.of(model.delay_pattern, PromptStart(model.delay_pattern.initial()), None, [], [frames])


def conversations(model: BatchedModel) -> list[Frame]:
    """All that is said by rows that come and go, pause, begin with a prompt, and hear what is not a number. Each size
    of graph has its steps."""
    inputs = {row: iter(speech(row, FRAMES)) for row in range(SLOTS)}
    for row, sampling in (
        (0, LIVELY),
        (1, GREEDY),
        (2, SamplingParams(TokenSampling(1.2, 0, 7), TokenSampling(1.5, 5, 8))),
    ):
        model.join(row, sampling)
    said: list[Frame] = []
    for step in range(FRAMES):
        if step == 10:
            model.join(4, LIVELY, prompt(model))
        if step >= 10:
            model.prefill(4, 7)
        if step == 20:
            model.join(1, LIVELY)
        rows = {
            0: step % 7 > 0 or step > 50,
            1: step < 40,
            2: 5 < step < 30,
            4: 30 < step <= 50,
        }
        frames = {row: next(inputs[row]) for row, talks in rows.items() if talks}
        if step == 12:
            frames[2] = np.full_like(frames[2], np.nan)
        said += [frame for _, frame in sorted(model.step(frames).items())]
    return said


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_replayed_steps_equal_plain_steps(dtype: torch.dtype, checkpoint: Checkpoint, gpu: torch.device) -> None:
    """The same kernels for the same number of rows: equal to the bit."""
    replayed = conversations(batch(checkpoint, gpu, dtype))
    assert_same(replayed, conversations(batch(checkpoint, gpu, dtype, cuda_graphs=False)))
    assert len(replayed) > 100
    assert all(np.isfinite(frame.pcm).all() for frame in replayed)


@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("own", [True, False])
def test_replayed_steps_equal_plain_steps_with_every_attention(
    own: bool, eight_bit: bool, narrow: Checkpoint, gpu: torch.device
) -> None:
    """Our kernels' and PyTorch's, over keys and values of 16 and of 8 bits."""
    kernels = try_kernels(gpu, torch.bfloat16, wanted=own).kernels
    assert (kernels is not None) == own
    plan = Plan(kernels=kernels, eight_bit_kv=eight_bit)
    replayed, plain = (conversations(batch(narrow, gpu, torch.bfloat16, graphs, plan)) for graphs in (True, False))
    assert_same(replayed, plain)
    assert len({frame.tokens for frame in replayed}) > 50, "they say nearly nothing"
    assert all(np.isfinite(frame.pcm).all() for frame in replayed)


def test_a_conversation_does_not_depend_on_the_number_of_others(narrow: Checkpoint, gpu: torch.device) -> None:
    """Alone and among forty it has another graph. Matrix products may round in another way there, so that later frames
    may be those of another conversation."""
    model = batch(narrow, gpu, torch.bfloat16, slots=40)
    said = []
    for together in (1, 40):
        for slot in range(together):
            model.join(slot, GREEDY)
        inputs = zip(*(speech(slot, 30) for slot in range(together)), strict=True)
        steps = [model.step(dict(enumerate(frames))) for frames in inputs]
        said.append([frames[0].tokens for frames in steps if frames])
    alone, among = said
    assert alone[:10] == among[:10]


@pytest.mark.parametrize("capacity", [20, 3000])
def test_flash_attention_computes_as_masked_attention(capacity: int, gpu: torch.device) -> None:
    """PyTorch's operator serves where our kernels do not. It reads written entries only: the rest may be anything."""
    slots, heads, head = 6, 4, 128
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([0, 1, 7, capacity - 1, capacity, 4 * capacity + 3], device=gpu)
    active = torch.arange(slots, device=gpu) != 2
    behind = (torch.arange(capacity, device=gpu) >= lengths[:, None])[:, None, :, None]
    drawn = [torch.randn(slots, heads, capacity, head, generator=generator).to(gpu, torch.bfloat16) for _ in range(2)]
    ours = Ring(*[part.masked_fill(behind, torch.nan) for part in drawn])
    theirs = Ring(*[part.masked_fill(behind, 0) for part in drawn])
    rotary = Rotary(capacity, head, 10_000.0, gpu)
    flash, masked = FlashAttention(rotary, slots, heads, gpu), MaskedAttention(rotary, torch.bfloat16, gpu)
    for _ in range(2):  # the second time both read what the first one wrote
        projected = torch.randn(slots, 1, 3 * heads * head, generator=generator).to(gpu, torch.bfloat16)
        said = flash.begin(lengths, active, 1)(ours, projected)
        wanted = masked.begin(lengths, active, 1)(theirs, projected)
        torch.testing.assert_close(said[active], wanted[active], rtol=0.02, atol=0.02)
        assert not said[~active].any()
        lengths += active


def test_a_gpu_says_what_a_cpu_says(checkpoint: Checkpoint, gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both round in their own way, so a choice between two that are nearly alike may fall differently, and what follows
    is then another conversation: the first frames, of several, have to be alike."""
    monkeypatch.setattr(codec, "convolving", lambda device: nullcontext())  # float32 on both, which has no TF32
    on_gpu, on_cpu = (batch(checkpoint, device) for device in (gpu, CPU))
    alike = 0
    for seed in range(5):
        said = []
        for model in (on_gpu, on_cpu):
            model.join(3, GREEDY)
            said.append([model.step({3: frame}) for frame in speech(seed, 20)])
        alike += [frames[3].tokens for frames in said[0][1:]] == [frames[3].tokens for frames in said[1][1:]]
    assert alike >= 4


def test_what_is_measured_and_chosen_for_a_gpu(gpu: torch.device) -> None:
    """Loaded as the service does, with what fits."""
    loaded = load(Settings(model="demo", device="cuda"), lambda *_: None)
    assert str(loaded.model.device) == "cuda:0"
    assert loaded.dtype == "bfloat16"
    assert loaded.kernels == "in use"
    assert loaded.model.batch_sizes[:12] == [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 80]
    assert loaded.model.slots == 256
    used = used_memory(gpu)
    assert used is not None
    assert used > loaded.model.slots * loaded.model.slot_bytes
    more = Settings(model="demo").model_copy(update={"slots": 100_000_000})  # than the settings allow, and than fit
    with pytest.raises(LoadError, match=r"MOSHI_SLOTS=100000000 takes .* \d+ would fit"):
        load(more, lambda *_: None)


def test_another_gpu_than_the_first(checkpoint: Checkpoint, gpu: torch.device) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU here")
    first = conversations(batch(checkpoint, gpu))
    with torch.cuda.device(0):
        assert_same(conversations(batch(checkpoint, choose_device("cuda:1"))), first, tolerance=1e-5)
