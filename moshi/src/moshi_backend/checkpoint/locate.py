"""Finds and checks the files of a model, once, and makes the `Checkpoint` of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME

from moshi_backend.checkpoint import lora as lora_files
from moshi_backend.checkpoint.checkpoint import Adapters, Checkpoint
from moshi_backend.checkpoint.config import MODEL_TYPES, read_config, read_mimi_config, refuse_pointer
from moshi_backend.checkpoint.download import Files, Progress, fetch, fetch_extra
from moshi_backend.checkpoint.fit import check_fit, check_weights
from moshi_backend.checkpoint.folders import checkpoint_folder, file_in, is_folder
from moshi_backend.checkpoint.references import is_elsewhere, locate
from moshi_backend.checkpoint.shape import check_shape, depformer_steps, kind_of, language_model_config, mimi_config
from moshi_backend.errors import LoadError
from moshi_backend.errors import adapters as adapter_errors
from moshi_backend.errors import checkpoints as errors

DEMO = "demo"

NAMES = {"moshi_name": MOSHI_NAME, "mimi_name": MIMI_NAME, "tokenizer_name": TEXT_TOKENIZER_NAME}
"""The files that every checkpoint has, and upstream's names for them where its configuration has no others."""

OPTIONAL = ("mimi_config_name", "lora_name")

VOICES = "voices.tgz"
"""Beside PersonaPlex's weights."""


@dataclass(frozen=True)
class _Source:
    """Where a checkpoint's files come from. `repository`: on a hub that may be asked for more files."""

    model: str
    repository: str | None
    progress: Progress
    download: bool

    def extra(self, folder: Path, name: str) -> Path | None:
        """A file that may lie beside the weights in `folder`; downloaded if the repository has it."""
        if self.repository is not None and self.download and (commit := _commit(folder)):
            fetch_extra(self.repository, commit, name, self.progress)
        return folder / name if (folder / name).is_file() else None


def find_checkpoint(
    model: str,
    revision: str | None,
    progress: Progress = lambda detail, done: None,
    lora: str | None = None,
    download: bool = True,
) -> Checkpoint:
    """Resolve `demo`, a folder or a Hugging Face repository id, and check its files.

    Args:
        lora: where adapters are that the model is to be given, if its own configuration names none.
        download: a repository's files that the cache lacks; otherwise nothing is asked of the hub.

    Raises:
        LoadError: there is none, it cannot be had, it is damaged, or it is of another kind than Moshi.
        NotCached: a file is missing, and `download` is not set.
    """
    on_hub = model != DEMO and not is_folder(model)
    source = _Source(model, model if on_hub else None, progress, download)
    if on_hub:
        files = _in_cache(source, revision)
    elif model == DEMO:
        files = _in_folder(source, Path(str(resources.files("moshi_backend") / DEMO)))
    else:
        files = _in_folder(source, checkpoint_folder(Path(model), revision))
    declared = files.config or {}
    model_type = declared.get("model_type", "moshi")
    if model_type not in MODEL_TYPES:
        raise LoadError(errors.model_of_another_task(model, model_type))
    if declared.get("quantize"):
        raise LoadError(errors.model_of_8_bits(model))
    return _checked(source, files, declared, _adapters(source, files, declared, lora))


def _checked(source: _Source, files: Files, declared: Mapping[str, Any], adapters: Adapters | None) -> Checkpoint:
    """The checkpoint of these files, or why there is none."""
    weights = files.named["moshi_name"]
    own_mimi = files.named.get("mimi_config_name")
    own_mimi_config = None if own_mimi is None else read_mimi_config(own_mimi)
    for path in (weights, files.named["mimi_name"], *([adapters.weights] if adapters else [])):
        check_weights(path)
    steps = depformer_steps(weights)
    kind = kind_of(declared, steps)
    voices = source.extra(weights.parent, VOICES) if kind == "personaplex" else None
    if voices is not None:
        refuse_pointer(voices)
    checkpoint = Checkpoint(
        kind=kind,
        commit=_commit(weights.parent),
        moshi_weights=weights,
        mimi_weights=files.named["mimi_name"],
        tokenizer=files.named["tokenizer_name"],
        voices=voices,
        adapters=adapters,
        lm_config=language_model_config(declared, kind),
        mimi_config=mimi_config(own_mimi_config),
        lm_gen_config=declared.get("lm_gen_config", {}),
    )
    check_shape(checkpoint, source.model, steps)
    check_fit(checkpoint, steps)
    return checkpoint


def _adapters(source: _Source, files: Files, declared: Mapping[str, Any], lora: str | None) -> Adapters | None:
    """The checkpoint's own adapters, those at `lora`, or none; never upstream's random ones."""
    own = files.named.get("lora_name")
    if own is None and lora_files.promises(declared):
        own = source.extra(files.named["moshi_name"].parent, lora_files.NAME)
    if own is None:
        return None if lora is None else lora_files.find_adapters(lora, source.progress, source.download)
    if lora is not None:
        raise LoadError(adapter_errors.adapters_twice(lora, source.model, own.name))
    return lora_files.adapters_of(own, declared)


def _commit(folder: Path) -> str | None:
    """Of a snapshot in a hub's cache, the commit that it is of."""
    return folder.name if folder.parent.name == "snapshots" else None


def _in_cache(source: _Source, revision: str | None) -> Files:
    files = fetch(source.model, revision, NAMES, OPTIONAL, source.progress, source.download)
    declared = files.config or {}
    named = {key: str(declared[key]) for key in (*NAMES, *OPTIONAL) if declared.get(key)}
    elsewhere = {
        key: locate(name, source.progress, source.download) for key, name in named.items() if is_elsewhere(name)
    }
    return Files(files.commit, files.config, files.named | elsewhere)


def _in_folder(source: _Source, folder: Path) -> Files:
    config_path = file_in(folder, "config.json")
    if config_path is None:
        found = {key: file_in(folder, name) for key, name in NAMES.items()}
        files = {key: path for key, path in found.items() if path is not None}
        if len(files) < len(NAMES):
            raise LoadError(errors.folder_without_config(folder))
        return Files(None, None, files)
    config = read_config(config_path)
    files = {}
    for key in (*NAMES, *OPTIONAL):
        name = config.get(key) or NAMES.get(key)
        if name is None:
            continue
        if is_elsewhere(name):
            files[key] = locate(name, source.progress, source.download)
            continue
        path = file_in(folder, name)
        if path is None and key == "moshi_name":
            path = _instead(folder, config)
        if path is None:
            if key in config:
                raise LoadError(errors.named_file_not_in_folder(config_path, name, key))
            raise LoadError(errors.file_not_named(config_path, key, name))
        files[key] = path
    return Files(None, config, files)


def _instead(folder: Path, config: Mapping[str, Any]) -> Path | None:
    """In a folder that moshi-finetune has written, the merged model: its configuration names the base's file."""
    if (folder / lora_files.MERGED).is_file():
        return folder / lora_files.MERGED
    if (folder / str(config.get("lora_name") or lora_files.NAME)).is_file():
        raise LoadError(adapter_errors.adapters_without_model(folder))
    return None
