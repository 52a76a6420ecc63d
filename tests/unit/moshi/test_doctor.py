"""What the doctor says of what it finds."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from huggingface_hub import constants
from moshi.models import LMModel
from safetensors.torch import load_file, save_file

import personaplex_checkpoint
from moshi_backend.doctor import hub, machine, personas
from moshi_backend.doctor.finding import Finding
from moshi_backend.doctor.report import as_json, as_table, is_well
from moshi_backend.errors import LoadError
from moshi_backend.errors import kernels as errors
from moshi_backend.loading import load
from moshi_backend.model.kernels import selfcheck
from moshi_backend.model.kernels.operations import Kernels
from moshi_backend.model.kernels.selfcheck import KernelStatus
from moshi_backend.settings import Settings
from support.checkpoints import CONFIG, POINTER, RANDOM_MODEL, copied, in_cache
from support.hub import COMMIT
from support.lora import LORA, RANK, adapters, base, finetune, merged, tuned_model

FAILED = errors.kernel_failed("embed")

FOUND = [
    Finding("one", "ok", "there"),
    Finding("another", "failed", "not there", "get it"),
    Finding("third", "skipped", "not needed", "never told"),
]


def test_the_table_tells_what_to_do_only_where_something_is_to_be_done() -> None:
    assert as_table(FOUND, colour=False).splitlines() == [
        "ok    one      there",
        "FAIL  another  not there",
        "               -> get it",
        "-     third    not needed",
        "something that is needed is missing",
    ]
    assert "\033[31mFAIL" in as_table(FOUND, colour=True)


def test_machines_get_the_same() -> None:
    told = json.loads(as_json(FOUND))
    assert told["ok"] is False
    assert told["checks"][1] == {
        "check": "another",
        "status": "failed",
        "detail": "not there",
        "fix": "get it",
        "error": None,
    }
    assert is_well(FOUND[:1])


@pytest.mark.parametrize(
    ("capability", "status"),
    [((7, 5), "warning"), ((8, 0), "ok"), ((9, 0), "ok"), ((10, 0), "failed"), ((12, 0), "failed")],
)
def test_a_gpu_is_judged_by_what_the_build_of_pytorch_knows(capability: tuple[int, int], status: str) -> None:
    finding = machine.gpu("a GPU", 80, capability)
    assert finding.status == status
    assert "a GPU, 80 GiB" in finding.detail


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (KernelStatus(cast(Kernels, object())), "ok", "they compute as PyTorch does"),
        (KernelStatus(None, detail="they are turned off"), "skipped", "they are turned off"),
        (KernelStatus(None, FAILED), "warning", errors.kernels_not_used(FAILED).text),
        (LoadError(errors.gpu_broken_by_kernel("why")), "failed", errors.gpu_broken_by_kernel("why").text),
    ],
)
def test_the_kernels_are_used_or_not_and_the_doctor_says_why(
    found: KernelStatus | LoadError, status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> KernelStatus:
        if isinstance(found, LoadError):
            raise found
        return found

    monkeypatch.setattr(selfcheck, "try_kernels", answer)
    finding = machine.kernels(Settings(), torch.device("cuda", 0))
    assert (finding.status, finding.detail) == (status, words)


def test_a_folder_that_cannot_be_written_is_a_failure_with_its_variable(tmp_path: Path) -> None:
    assert machine.writable("cache", tmp_path / "new", "HF_HOME").status == "ok"
    (tmp_path / "file").touch()
    finding = machine.writable("cache", tmp_path / "file", "HF_HOME")
    assert finding.status == "failed"
    assert "HF_HOME" in finding.fix


@pytest.mark.parametrize(
    ("engines", "status", "detail"),
    [
        ({}, "skipped", "neither docker nor podman; needed only for the images"),
        ({"docker": False}, "skipped", "no answer from docker; needed only for the images"),
        ({"docker": False, "podman": True}, "ok", "podman version 1"),
        ({"docker": True, "podman": True}, "ok", "docker version 1"),
    ],
)
def test_a_container_runtime_is_one_that_answers(
    engines: dict[str, bool], status: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's command may be there without its daemon."""
    for name, answers in engines.items():
        program = tmp_path / name
        daemon = "" if answers else '[ "$1" = version ] && exit 1\n'
        program.write_text(f"#!/bin/sh\n{daemon}echo {name} version 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime, toolkit = machine.containers()
    assert (runtime.status, runtime.detail) == (status, detail)
    assert toolkit.status == "skipped"


def spoiled_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(POINTER)


def spoiled_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.model").write_bytes(POINTER)


def of_8_bits(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = "text_linear.weight"
    save_file(weights | {name: weights[name].to(torch.int8)}, folder / "model.safetensors")


def of_8_bits_by_its_configuration(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"quantize": True}))


def of_another_size(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"dim": 128}))


def without_a_file(folder: Path) -> None:
    (folder / "mimi.safetensors").unlink()


EVERY_DAMAGE = (
    spoiled_weights,
    spoiled_tokenizer,
    of_8_bits,
    of_8_bits_by_its_configuration,
    of_another_size,
    without_a_file,
)


@pytest.mark.parametrize("damage", EVERY_DAMAGE)
def test_a_folder_fails_as_in_loading(damage: Callable[[Path], None], tmp_path: Path) -> None:
    settings = Settings(model=str(copied(tmp_path / "model")), device="cpu", slots=1)
    assert hub.checks(settings)[0].status == "ok"
    damage(tmp_path / "model")
    finding = hub.checks(settings)[0]
    with pytest.raises(LoadError) as caught:
        load(settings, lambda *_: None)
    assert (finding.check, finding.status, finding.detail) == ("weights", "failed", str(caught.value))


@pytest.fixture(scope="module")
def tune() -> LMModel:
    return tuned_model()


def test_a_fine_tune_is_well_if_it_loads(tune: LMModel, tmp_path: Path) -> None:
    """The folders that moshi-finetune's files may come in."""
    alone, beside, whole = (tmp_path / name for name in ("alone", "beside", "merged"))
    finetune(alone, tune)
    base(beside, **LORA, lora_name="tuned.safetensors")
    save_file(adapters(tune), beside / "tuned.safetensors")
    base(whole, **LORA)
    (whole / "model.safetensors").unlink()
    save_file(merged(tune), whole / "consolidated.safetensors")
    for model, lora in ((RANDOM_MODEL, alone), (beside, None), (whole, None)):
        settings = Settings(model=str(model), lora=lora and str(lora), device="cpu", slots=1)
        assert hub.checks(settings)[0].status == "ok"
        load(settings, lambda *_: None)


def test_a_fine_tune_fails_as_in_loading(tune: LMModel, tmp_path: Path) -> None:
    """Adapters of another rank, another size, another number of layers; without their base, or not there."""
    weights = {name: weight.clone() for name, weight in adapters(tune).items()}
    other_rank = finetune(tmp_path / "rank", tune, lora_rank=RANK + 1)
    other_size, other_depth = (finetune(tmp_path / name, tune) for name in ("size", "depth"))
    save_file(
        {
            name: weight[:, :-1].contiguous() if name.endswith("lora_A.weight") else weight
            for name, weight in weights.items()
        },
        other_size / "lora.safetensors",
    )
    save_file(
        {name.replace("layers.0.", "layers.7."): weight for name, weight in weights.items()},
        other_depth / "lora.safetensors",
    )
    pointer = finetune(tmp_path / "pointer", tune)
    (pointer / "lora.safetensors").write_bytes(POINTER)
    gone = base(tmp_path / "gone", **LORA, lora_name="gone.safetensors")
    adapted = [(RANDOM_MODEL, lora) for lora in (other_rank, other_size, other_depth, pointer, gone)]
    for model, lora in [*adapted, (other_rank, None), (gone, None)]:
        settings = Settings(model=str(model), lora=lora and str(lora), device="cpu", slots=1)
        finding = hub.checks(settings)[0]
        with pytest.raises(LoadError) as caught:
            load(settings, lambda *_: None)
        assert (finding.status, finding.detail) == ("failed", str(caught.value))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's client without a network; it reads its variables when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def statuses(model: str = "org/model") -> dict[str, str]:
    return {finding.check: finding.status for finding in hub.checks(Settings(model=model))}


def test_a_complete_personaplex_in_the_cache_is_found_offline(tmp_path: Path, cache: Path) -> None:
    """Its config.json names no file."""
    (tmp_path / "made").mkdir()
    personaplex_checkpoint.make(tmp_path / "made")
    repository = in_cache(cache, tmp_path / "made", "org/model", COMMIT)
    assert "failed" not in statuses().values()
    assert statuses()["weights"] == "ok"
    (repository / "snapshots" / COMMIT / "tokenizer_spm_32k_3.model").unlink()
    (missing,) = [finding for finding in hub.checks(Settings(model="org/model")) if finding.status == "failed"]
    assert missing.check == "weights"
    assert missing.detail.startswith("tokenizer_spm_32k_3.model of org/model is not in the cache")


def test_a_read_only_cache_is_well_if_it_is_complete(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = in_cache(cache, RANDOM_MODEL, "org/model", COMMIT)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("mkdir", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    assert statuses()["cache"] == "ok"
    assert "failed" not in statuses().values()
    (repository / "snapshots" / COMMIT / "mimi.json").unlink()
    assert statuses()["cache"] == "failed"


def test_a_model_that_cannot_be_a_path_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.checks(Settings(model="a" * 5000))[0].status == "failed"


def test_a_folder_that_this_process_may_not_read_fails_as_in_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)
    finding = hub.checks(Settings(model="/root/model", device="cpu"))[0]
    assert finding.status == "failed"
    assert "/root/model cannot be read: Permission denied" in finding.detail + finding.fix


def test_voices_and_roles_are_checked_without_a_model(tmp_path: Path) -> None:
    assert personas.voices(Settings()).status == "skipped"
    assert personas.presets(Settings()).status == "skipped"
    (tmp_path / "anna.wav").touch()
    (tmp_path / "notes.txt").touch()
    assert personas.voices(Settings(voices=tmp_path, default_voice="anna")) == Finding("voices", "ok", "anna")
    missing = personas.voices(Settings(voices=tmp_path, default_voice="ana"))
    assert missing.error == "default-voice-missing"
    assert missing.detail.endswith("MOSHI_DEFAULT_VOICE=ana: there is no such voice; there are: anna")
    (tmp_path / "two words.wav").touch()
    assert personas.voices(Settings(voices=tmp_path)).error == "voice-name"
    assert personas.voices(Settings(voices=tmp_path / "none")).error == "voices-no-folder"
    roles = tmp_path / "roles.json"
    roles.write_text('[{"id": "guide", "name": "Guide", "text": "You guide."}]')
    assert personas.presets(Settings(presets=roles)) == Finding("presets", "ok", f"{roles}: guide")
    roles.write_text('[{"id": "guide"}]')
    assert personas.presets(Settings(presets=roles)).error == "presets-malformed"


def test_a_default_voice_may_be_one_that_comes_with_the_model(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "made").mkdir()
    personaplex_checkpoint.make(tmp_path / "made")
    settings = Settings(model="org/model", default_voice="NATF0")
    assert personas.voices(settings).status == "skipped", "the model's voices are not here yet"
    in_cache(cache, tmp_path / "made", "org/model", COMMIT)
    found = personas.voices(settings)
    assert found.status == "ok", found.detail
    assert personas.voices(settings.model_copy(update={"default_voice": "NATF9"})).error == "default-voice-missing"
