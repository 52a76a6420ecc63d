"""The benchmarks run, the one that compares with upstream's server with that server, unmodified, without a GPU."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from benchmarks import apis, gpu, prompt, step
from benchmarks.upstream.servers import Server, ours, upstream
from benchmarks.upstream.trials import clients, until_ready
from loadtest.audio import encode, noise
from moshi_backend.model.language_model import LanguageModel
from moshi_backend.model.loaders import load_moshi
from moshi_backend.model.plan import Plan
from moshi_backend.model.state import SlotState
from support.services import Service

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


@pytest.mark.parametrize("server", [upstream, ours])
async def test_a_server_starts_and_answers(
    server: Callable[[Path], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    with server(tmp_path) as running:
        await until_ready(running)
        figures, outcome = await clients(running, encode(noise(1.0)), 1, 1.0)
    assert figures.served == 1
    assert figures.lag_ms is not None
    assert outcome.conversations[0].heard


async def test_a_server_that_does_not_start_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    with upstream(tmp_path) as broken:
        broken.process.kill()
        broken.process.wait()
        with pytest.raises(RuntimeError, match=r"upstream\.log"):
            await until_ready(broken)


def test_the_step_is_measured_against_upstreams(capsys: pytest.CaptureFixture[str]) -> None:
    assert step.main(["--conversations", "2", "--steps", "3", "--device", "cpu"]) == 0
    assert re.search(r"B=2 +ours p50 +[\d.]+ .* upstream p50 +[\d.]+ .* [\d.]+ times as fast", capsys.readouterr().out)


def test_the_benchmark_for_gpus_runs_on_a_cpu_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "figures.json"
    arguments = ["--device", "cpu", "--model", "demo", "--slots", "3", "--kv", "int8", "--steps", "3"]
    assert gpu.main([*arguments, "--output", str(output)]) == 0
    assert re.search(r"\d conversations with p99 at most", capsys.readouterr().out)
    figures = json.loads(output.read_text())
    assert [row["conversations"] for row in figures["rows"]] == [1, 2, 3]
    assert (figures["kv"], figures["kernels"]) == ("int8", "not used: they are for NVIDIA GPUs")


def test_the_7b_models_sizes_are_known_without_its_weights() -> None:
    """On the device that holds no numbers. What a conversation takes is the window of 3000 steps in bfloat16."""
    checkpoint = gpu.full_size()
    nowhere = torch.device("meta")
    single = SlotState(1, nowhere)
    LanguageModel(load_moshi(checkpoint, nowhere), single, Plan())
    window = 32 * 2 * 3000 * 4096 * 2
    assert window < single.bytes_per_slot < window * 1.001


def test_prompts_are_measured_beside_live_conversations(capsys: pytest.CaptureFixture[str]) -> None:
    assert prompt.main(["--conversations", "1", "--seconds", "1", "--turns", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"voice, read +until the handshake p50 +\d", said)
    assert re.search(r"somebody joins +lag p50 +\d", said)
    assert re.search(r"[1-9]\d* joined beside them", said)


async def test_every_protocols_conversations_are_measured_beside_each_other(services: dict[str, Service]) -> None:
    moshi = services["moshi"]
    load = await apis.talk(f"ws://127.0.0.1:{moshi.port}", list(apis.PATHS), 1.0, moshi.process.pid)
    assert load.cpu > load.loop > 0
    for lags in load.lags.values():
        assert lags
        assert all(lag > 0 for lag in lags), "an answer to another frame is counted"
