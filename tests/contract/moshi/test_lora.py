"""Fine-tunes as moshi-finetune writes them: tokens equal those of upstream's classes over the merged weights."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants, file_download
from moshi.models import LMGen, LMModel
from moshi.models.loaders import CheckpointInfo, get_moshi_lm
from moshi.utils.compile import no_compile
from safetensors.torch import load_file, save_file

import personaplex_checkpoint as personaplex
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.loaders import load_moshi
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from support.checkpoints import CONFIG, RANDOM_MODEL
from support.hub import Hub, running_hub
from support.lora import KWARGS, LORA, RANK, adapters, base, finetune, merged, tuned, tuned_model
from support.speech import speech

CPU = torch.device("cpu")
GREEDY = SamplingParams(TokenSampling(0, 0), TokenSampling(0, 0))
FRAMES = 60
BASE = str(RANDOM_MODEL)
PATH = "{repo_id}/resolve/{revision}/{filename}"


@pytest.fixture(scope="module")
def tune() -> LMModel:
    return tuned_model()


@pytest.fixture(scope="module")
def reference(tune: LMModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("merged") / "merged.safetensors"
    save_file(merged(tune), path)
    return path


def upstream(weights: Path, dtype: torch.dtype) -> list[tuple[int, ...]]:
    """Greedy tokens of upstream's own classes over these weights."""
    info = CheckpointInfo(weights, RANDOM_MODEL / "mimi.safetensors", RANDOM_MODEL / "tokenizer.model", KWARGS)
    info.mimi_config = json.loads((RANDOM_MODEL / "mimi.json").read_text())
    with no_compile(), torch.inference_mode():
        mimi = info.get_mimi("cpu")
        generator = LMGen(info.get_moshi("cpu", dtype=dtype), use_sampling=False)
        mimi.streaming_forever(1)
        generator.streaming_forever(1)
        said = []
        for index, frame in enumerate(speech(7, FRAMES)):
            codes = mimi.encode(torch.from_numpy(frame)[None, None])
            if index == 0:
                mimi.reset_streaming()
            if (tokens := generator.step(codes)) is not None:
                said.append(tuple(tokens[0, :, 0].tolist()))
        return said


def ours(model: str, lora: str | None = None, dtype: torch.dtype = torch.float32) -> list[tuple[int, ...]]:
    batch = BatchedModel(find_checkpoint(model, None, lora=lora), 1, CPU, dtype)
    batch.join(0, GREEDY)
    return [said[0].tokens for said in (batch.step({0: frame}) for frame in speech(7, FRAMES)) if said]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapters_for_a_base_model_say_what_the_merged_model_says(
    dtype: torch.dtype, tune: LMModel, reference: Path, tmp_path: Path
) -> None:
    theirs = ours(BASE, str(finetune(tmp_path, tune)), dtype)
    assert len(theirs) == FRAMES - 1
    assert theirs == ours(BASE, str(tmp_path / "lora.safetensors"), dtype)
    if dtype == torch.float32:
        assert theirs == upstream(reference, dtype)
    assert theirs != ours(BASE, dtype=dtype)


@pytest.mark.parametrize("named", ["lora_name", "beside"])
def test_adapters_in_the_models_folder(named: str, tune: LMModel, reference: Path, tmp_path: Path) -> None:
    name = "tuned.safetensors" if named == "lora_name" else "lora.safetensors"
    folder = base(tmp_path, **LORA, lora_name=name if named == "lora_name" else None)
    save_file(adapters(tune), folder / name)
    assert ours(str(folder)) == upstream(reference, torch.float32)


@pytest.mark.parametrize("name", ["model.safetensors", "consolidated.safetensors"])
def test_a_merged_model_whose_configuration_still_speaks_of_lora(name: str, reference: Path, tmp_path: Path) -> None:
    """Upstream's loader adds random adapters here."""
    folder = base(tmp_path, **LORA)
    (folder / "model.safetensors").unlink()
    shutil.copyfile(reference, folder / name)
    assert ours(str(folder)) == upstream(reference, torch.float32)


@pytest.fixture
def hub(tmp_path: Path, tune: LMModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(finetune(tmp_path / "served", tune)) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.url}/{PATH}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield hub


def put(hub: Hub, folder: Path) -> None:
    hub.files |= {path.name: path.read_bytes() for path in folder.iterdir()}


def test_adapters_on_a_hub(hub: Hub, reference: Path) -> None:
    assert ours(BASE, "org/model@main") == upstream(reference, torch.float32)
    with pytest.raises(LoadError, match=r"has no model\.safetensors, .*LoRA adapters alone go into MOSHI_LORA"):
        find_checkpoint("org/model", None)


def test_a_model_with_adapters_on_a_hub(hub: Hub, reference: Path, tmp_path: Path) -> None:
    put(hub, base(tmp_path / "base", **LORA))
    assert ours("org/model") == upstream(reference, torch.float32)
    del hub.files["lora.safetensors"]
    shutil.rmtree(constants.HF_HUB_CACHE)
    hub.files["model.safetensors"] = reference.read_bytes()
    assert ours("org/model") == upstream(reference, torch.float32)


def test_a_folder_that_names_its_base_on_a_hub(hub: Hub, tune: LMModel, reference: Path, tmp_path: Path) -> None:
    put(hub, base(tmp_path / "base"))
    keys = ("moshi_name", "mimi_name", "tokenizer_name", "mimi_config_name")
    there = {key: f"hf://org/model/{CONFIG[key]}" for key in keys}
    folder = finetune(tmp_path / "tuned", tune, **there, lora_name="lora.safetensors")
    assert ours(str(folder)) == upstream(reference, torch.float32)
    config = json.loads((folder / "config.json").read_text()) | {
        "moshi_name": f"file://{RANDOM_MODEL}/model.safetensors"
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert ours(str(folder)) == upstream(reference, torch.float32)


def test_adapters_of_a_personaplex_leave_out_what_is_not_loaded(tmp_path: Path) -> None:
    personaplex.make(tmp_path / "base")
    kwargs = KWARGS | {"dep_q": 16}
    lm = tuned(get_moshi_lm(tmp_path / "base" / "model.safetensors", kwargs, "cpu", torch.float32))
    folder = finetune(tmp_path / "tuned", lm)
    checkpoint = find_checkpoint(str(tmp_path / "base"), None, lora=str(folder))
    assert checkpoint.kind == "personaplex"
    theirs = merged(lm)
    for name, weight in load_moshi(checkpoint, "cpu", torch.float32).state_dict().items():
        assert torch.equal(weight, theirs[name]), name


def refused(model: str, lora: str | None = None) -> str:
    with pytest.raises(LoadError) as caught:
        find_checkpoint(model, None, lora=lora)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_adapters_without_their_model_are_refused(tune: LMModel, tmp_path: Path) -> None:
    folder = finetune(tmp_path, tune)
    assert refused(str(folder)) == (
        f"{folder} holds LoRA adapters, and not the model that they adapt: set MOSHI_LORA={folder}, and MOSHI_MODEL to "
        "that model"
    )


def test_adapters_that_are_not_there_are_refused(tmp_path: Path) -> None:
    folder = base(tmp_path, **LORA, lora_name="gone.safetensors")
    assert "names gone.safetensors as lora_name, which is not in that folder" in refused(str(folder))
    (tmp_path / "empty").mkdir()
    assert "holds no lora.safetensors" in refused(BASE, str(tmp_path / "empty"))
    assert "is neither a folder nor a file here" in refused(BASE, "nothing")
    assert "is neither a folder nor a file here" in refused(BASE, "a/b/c")


def test_adapters_that_are_named_twice_or_denied_are_refused(tune: LMModel, tmp_path: Path) -> None:
    folder = base(tmp_path / "both", **LORA)
    save_file(adapters(tune), folder / "lora.safetensors")
    assert "names adapters of its own (lora.safetensors): unset MOSHI_LORA" in refused(str(folder), str(folder))
    assert 'says "lora": false' in refused(BASE, str(finetune(tmp_path / "denied", tune, lora=False)))
    assert 'lora_scaling="two": Input should be a valid number' in refused(
        BASE, str(finetune(tmp_path / "words", tune, lora_scaling="two"))
    )


def test_adapters_of_another_model_are_refused(tune: LMModel, tmp_path: Path) -> None:
    """Each says which weight does not fit."""
    folder = finetune(tmp_path, tune)
    path = folder / "lora.safetensors"
    whole = {name: weight.clone() for name, weight in load_file(path).items()}  # else they are views of the file
    down = "transformer.layers.0.gating.linear_in.lora_A.weight"
    up = down.replace("lora_A", "lora_B")
    cases = {
        "the model has no such layer": whole | {"transformer.layers.9.x.lora_A.weight": torch.zeros(4, 4)},
        f"without {re.escape(up)}": {name: value for name, value in whole.items() if name != up},
        f"without {re.escape(down)}": {name: value for name, value in whole.items() if name != down},
        "linear_in.* does not have the shape": whole | {up: torch.zeros(3, RANK)},
        "lora_A.* does not have the shape": whole | {down: torch.zeros(4)},
        "text_emb.* does not have the shape": whole | {"text_emb.weight": torch.zeros(4, 4)},
        "has rank 2, its counterpart 2, and config.json declares lora_rank 4": whole
        | {down: torch.zeros(2, 64), up: torch.zeros(8, 2)},
        "holds no LoRA adapters": {"text_emb.weight": whole["text_emb.weight"]},
    }
    for words, weights in cases.items():
        save_file(weights, path)
        assert re.search(words, refused(BASE, str(folder))), words
    path.write_bytes(b"not safetensors" * 100)
    assert "is damaged" in refused(BASE, str(folder))
