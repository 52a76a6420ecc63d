"""A checkpoint that cannot be served is refused in one line that says what to do, before memory is taken for it."""

import copy
import json
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from moshi_backend import loading
from moshi_backend.checkpoint.config import read_config, read_mimi_config
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.errors import LINE, LoadError, one_line
from moshi_backend.loading import load
from moshi_backend.model.support import check_support
from moshi_backend.settings import Settings
from support.checkpoints import CONFIG, MIMI, POINTER, configured, copied

WEIGHTS, CODEC, TOKENIZER = CONFIG["moshi_name"], CONFIG["mimi_name"], CONFIG["tokenizer_name"]


PEAK = 300 * 2**10
"""KiB by which the process may grow over all examples."""


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def refused(folder: Path) -> str:
    """Why a folder is not loaded, by all of loading."""
    with pytest.raises(LoadError) as caught:
        load(Settings(model=str(folder), device="cpu", slots=1), lambda *_: None)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) <= LINE
    return said


@pytest.mark.parametrize("name", ["config.json", "mimi.json", WEIGHTS, CODEC, TOKENIZER])
def test_a_git_lfs_pointer_is_known_as_one(name: str, tmp_path: Path) -> None:
    (copied(tmp_path / "model") / name).write_bytes(POINTER)
    said = refused(tmp_path / "model")
    assert f"{name} is a Git LFS pointer, not the file itself: run `git lfs pull` in {tmp_path / 'model'}" in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dim": 128}, r"model.safetensors does not fit config.json \(.* is \[.*64.*\] and should be \[.*128.*\]\)"),
        ({"num_layers": 3}, "does not fit config.json, which says num_layers=3 where it has 2"),
        ({"num_layers": 1}, "does not fit config.json, which says num_layers=1 where it has 2"),
        ({"depformer_num_layers": 256}, "depformer_num_layers=256 where it has 1"),
        ({"extra_heads_num_heads": 2}, r"it lacks extra_heads\.0\.weight, one of 2"),
        ({"depformer_norm": "layer_norm"}, r"it lacks depformer_norms\.0"),
        ({"text_card": 400}, r"does not fit config.json \(text_emb.weight is \[319, 64\] and should be \[401, 64\]\)"),
        ({"dep_q": ...}, "does not describe a Moshi: it lacks dep_q; copy the configuration"),
        ({"n_q": ...}, "it lacks n_q"),
        ({"dim": ..., "num_layers": ...}, "it lacks dim"),
        ({"moshi_name": None}, "moshi_name=null: Input should be a valid string"),
        ({"tokenizer_name": 7}, "tokenizer_name=7: Input should be a valid string"),
        ({"mimi_name": ["a"]}, "mimi_name="),
        ({"moshi_name": "../" * 400}, "moshi_name=.*at most 500 characters"),
        ({"num_heads": 0}, "num_heads=0: Input should be greater than or equal to 1"),
        ({"num_heads": 3}, "dim=64 cannot be divided into num_heads=3 heads of an even size"),
        ({"depformer_num_heads": 5}, "depformer_dim=32 cannot be divided into 5 heads"),
        ({"context": 0}, "context=0: Input should be greater than or equal to 2"),
        ({"context": None}, "context=null"),
        ({"context": 10**9}, "context=1000000000: Input should be less than"),
        ({"num_layers": 10_000_000}, "num_layers=10000000: Input should be less than or equal to 256"),
        ({"depformer_num_layers": 10_000_000}, "depformer_num_layers=10000000"),
        ({"extra_heads_num_heads": 10_000_000}, "extra_heads_num_heads=10000000"),
        ({"delays": [0] * 5}, "n_q=16 needs 17 delays"),
        ({"delays": [10**8] * 17}, r"delays\.0=100000000"),
        ({"dep_q": 17}, "dep_q=17 is more than n_q=16"),
        ({"hidden_scale": float("nan")}, "hidden_scale=NaN"),
        ({"max_period": float("inf")}, "max_period=Infinity"),
        ({"text_card": "many"}, 'text_card="many": Input should be a valid integer'),
        ({"nonsense": 1}, r"it has no option nonsense\): take a released checkpoint"),
        ({"norm": "soft"}, "describes a model that Moshi .* do not have"),
        ({"conditioners": {"a": {}}}, "a model that takes conditions is not supported"),
        ({"lm_gen_config": {"temp": "hot"}}, 'lm_gen_config.temp="hot": Input should be a valid number'),
        ({"lm_gen_config": {"top_k": -1}}, "lm_gen_config.top_k=-1"),
        ({"lm_gen_config": None}, "lm_gen_config=null"),
        ({"tts_config": None}, "tts_config=null"),
        ({"quantize": True}, "8 bits"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_configuration_that_cannot_be_served(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert_said(refused(configured(tmp_path / "model", **changes)), says)


def test_the_largest_sizes_are_refused_without_memory_for_them(tmp_path: Path) -> None:
    """Terabytes, if they were allocated; gigabytes of modules, if they were made."""
    largest = {
        "dim": 2**20,
        "text_card": 2**22,
        "card": 2**22,
        "depformer_dim": 2**20,
        "depformer_dim_feedforward": 2**20,
    }
    before = peak()
    for number, changes in enumerate((largest, {"num_layers": 256, "depformer_num_layers": 256})):
        assert "does not fit config.json" in refused(configured(tmp_path / str(number), **changes))
    assert peak() - before < PEAK


def assert_said(said: str, pattern: str) -> None:
    assert re.search(pattern, said), said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model": CONFIG}, "is not there|does not describe a Moshi"),
        ({"lm_config": CONFIG, "dim": 64}, "it lacks n_q"),
        ({"model_type": "moshi", "transformers_version": "4.48.0", "hidden_size": 4096}, "of the transformers library"),
        ({"architectures": ["MoshiForConditionalGeneration"], "num_hidden_layers": 32}, "of the transformers library"),
        (CONFIG | {"model_type": "tts", "conditioners": {"a": {}}}, "is a tts checkpoint"),
        (CONFIG | {"model_type": "stt", "dep_q": 0}, "is a stt checkpoint"),
        ([], "is not the configuration of a Moshi checkpoint"),
        (None, "is not the configuration of a Moshi checkpoint"),
    ],
    ids=["nested", "half nested", "transformers", "architectures", "speech", "transcripts", "list", "null"],
)
def test_a_configuration_of_another_kind(content: object, says: str, tmp_path: Path) -> None:
    (copied(tmp_path / "model") / "config.json").write_text(json.dumps(content))
    assert_said(refused(tmp_path / "model"), says)


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"\xff\xfe{}", b"", b'{"dim": 1' + b"0" * 5000 + b"}", b" " * 2**21]
)
def test_a_configuration_that_is_no_json(content: bytes, tmp_path: Path) -> None:
    (copied(tmp_path / "model") / "config.json").write_bytes(content)
    assert_said(refused(tmp_path / "model"), "is damaged|has more than 1048576 bytes")


def other(content: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    content = copy.deepcopy(content)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("transformer", "num_layers"), 10_000_000, r"transformer.num_layers=10000000"),
        (("transformer", "num_heads"), 0, "transformer.num_heads=0"),
        (("quantizer", "n_q"), 10**7, "quantizer.n_q=10000000"),
        (("quantizer", "bins"), 128, "does not fit the configuration of Mimi"),
        (("seanet", "n_filters"), 10**9, "seanet.n_filters=1000000000"),
        (("seanet", "ratios"), [10**9], "seanet.ratios.0=1000000000"),
        (("seanet",), None, "seanet=null"),
        (("sample_rate",), 16_000, "sample_rate=16000: Input should be 24000"),
        (("frame_rate",), 25, "frame_rate=25: Input should be less than or equal to 12.5"),
    ],
)
def test_a_codec_that_cannot_be_served(path: tuple[str, ...], value: object, says: str, tmp_path: Path) -> None:
    (copied(tmp_path / "model") / "mimi.json").write_text(json.dumps(other(MIMI, path, value)))
    assert_said(refused(tmp_path / "model"), says)


def test_weights_of_8_bits(tmp_path: Path) -> None:
    folder = copied(tmp_path / "model")
    weights = load_file(folder / WEIGHTS)
    save_file(weights | {"text_linear.weight": weights["text_linear.weight"].to(torch.int8)}, folder / WEIGHTS)
    assert "has weights of 8 bits, which are not supported" in refused(folder)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = copied(tmp_path / "model")
    shutil.copyfile(folder / CODEC, folder / WEIGHTS)
    assert "does not fit config.json, which says num_layers=2 where it has 0" in refused(folder)


def no_tokenizer(folder: Path) -> None:
    (folder / TOKENIZER).write_bytes(b"not a tokenizer" * 100)


def empty_tokenizer(folder: Path) -> None:
    (folder / TOKENIZER).write_bytes(b"")


def cut_weights(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (no_tokenizer, "is not a SentencePiece tokenizer .*: delete .* and start again"),
        (empty_tokenizer, "is not a SentencePiece tokenizer .*: delete .* and start again"),
        (cut_weights, "is damaged .*: delete .* and start again"),
    ],
)
def test_a_damaged_file(damage: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    damage(copied(tmp_path / "model"))
    assert_said(refused(tmp_path / "model"), says)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([0, -1, 1, 2, 3, 7, 64, 256, 2**20, 2**22, 2**31, 10**7, 10**12])
    | st.floats()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("fuzzed") / "model")


def outcome(folder: Path) -> str:
    """Why the files are refused; empty if they are not. Every other exception fails the test."""
    try:
        check_support(find_checkpoint(str(folder), None))
    except LoadError as error:
        return str(error)
    return ""


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(CONFIG)), JSON, min_size=1, max_size=3))
def test_any_values_in_config_json_are_served_or_refused_in_one_line(fuzzed: Path, changes: dict[str, Any]) -> None:
    (fuzzed / "config.json").write_text(json.dumps(CONFIG | changes))
    before = peak()
    said = outcome(fuzzed)
    assert peak() - before < PEAK
    assert "\n" not in said
    assert len(said) <= LINE


def every_path(content: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(key,) for key in content] + [
        (key, inner) for key, value in content.items() if isinstance(value, dict) for inner in value
    ]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(every_path(MIMI)), JSON)
def test_any_values_in_mimis_configuration_too(fuzzed: Path, path: tuple[str, ...], value: object) -> None:
    (fuzzed / "config.json").write_text(json.dumps(CONFIG))
    (fuzzed / "mimi.json").write_text(json.dumps(other(MIMI, path, value)))
    before = peak()
    said = outcome(fuzzed)
    (fuzzed / "mimi.json").write_text(json.dumps(MIMI))
    assert peak() - before < PEAK
    assert "\n" not in said
    assert len(said) <= LINE


def test_what_nobody_expected_is_one_line_and_its_details_are_for_the_debug_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def strange(*_: object, **__: object) -> None:
        raise KeyError("a strange\nfailure " + "of many words " * 1000)

    monkeypatch.setattr(loading, "BatchedModel", strange)
    with caplog.at_level("DEBUG", "moshi_backend"), pytest.raises(LoadError) as caught:
        load(Settings(model="demo", device="cpu"), lambda *_: None)
    said = str(caught.value)
    assert said.startswith("demo could not be loaded (KeyError: ")
    assert said.endswith("MOSHI_LOG_LEVEL=debug logs the details")
    assert len(said) <= LINE
    assert [record.levelname for record in caplog.records if record.exc_info] == ["DEBUG"]


def test_a_message_is_one_line_of_bounded_length_that_keeps_its_end() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    cut = one_line("begin " + "x" * 5000 + " do this")
    assert (len(cut), cut[:6], cut[-8:]) == (LINE, "begin ", " do this")


def test_the_configurations_that_are_served_are_not_refused(tmp_path: Path) -> None:
    changed: list[dict[str, Any]] = [{}, {"lm_gen_config": {}}, {"lora": False}, {"model_id": {"sig": 1}}]
    for changes in changed:
        folder = configured(tmp_path / str(len(changes)) / str(sorted(changes)), **changes)
        assert read_config(folder / "config.json")["dim"] == 64
    assert read_mimi_config(folder / "mimi.json") == MIMI
