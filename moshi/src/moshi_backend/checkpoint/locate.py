"""Which files a model is made of, found by upstream's own loading code."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME, CheckpointInfo

from moshi_backend.checkpoint import download as weights
from moshi_backend.checkpoint.config import MODEL_TYPES, read_config, read_mimi_config, refuse_pointer
from moshi_backend.checkpoint.fit import check_fit, check_support, check_weights
from moshi_backend.checkpoint.folders import checkpoint_folder, file_in, is_folder
from moshi_backend.checkpoint.lora import MERGED, adapters_of, find_adapters, promises, without_lora
from moshi_backend.checkpoint.lora import NAME as ADAPTERS
from moshi_backend.checkpoint.references import is_elsewhere, locate
from moshi_backend.checkpoint.shape import check_shape, depformer_steps, is_personaplex
from moshi_backend.errors import LoadError
from moshi_backend.model.adapters import Adapted, Adapters
from moshi_backend.model.personaplex import PersonaPlex

DEMO = "demo"

type Checkpoint = CheckpointInfo

NAMES = {"moshi_name": MOSHI_NAME, "mimi_name": MIMI_NAME, "tokenizer_name": TEXT_TOKENIZER_NAME}
"""The files that every checkpoint has, and upstream's names for them where its configuration has no others."""

OPTIONAL = ("mimi_config_name", "lora_name")

VOICES = "voices.tgz"
"""Beside PersonaPlex's weights."""


def find_checkpoint(
    model: str,
    revision: str | None,
    progress: weights.Progress = lambda detail, done: None,
    lora: str | None = None,
    download: bool = True,
) -> CheckpointInfo:
    """Resolve `demo`, a folder or a Hugging Face repository id, and check its files.

    Args:
        lora: where adapters are that the model is to be given, if its own configuration names none.
        download: a repository's files that the cache lacks; otherwise nothing is asked of the hub.

    Raises:
        LoadError: there is none, it cannot be had, it is damaged, or it is of another kind than Moshi.
        NotCached: a file is missing, and `download` is not set.
    """
    if model == DEMO:
        info = _in_folder(Path(str(resources.files("moshi_backend") / "demo")), progress, download)
    elif is_folder(model):
        info = _in_folder(checkpoint_folder(Path(model), revision), progress, download)
    else:
        info = _in_cache(model, revision, progress, download)
    if info.model_type not in MODEL_TYPES:
        raise LoadError(
            f"{model} is a {info.model_type} checkpoint; this service converses with moshi and personaplex checkpoints"
        )
    if (info.lm_config or {}).get("quantize"):
        raise LoadError(f"{model} has weights of 8 bits, which are not supported: take the one of 16 bits")
    info = _adapted(model, info, lora, progress, download)
    for path in (info.moshi_weights, info.mimi_weights, *([info.adapters.weights] if info.adapters else [])):
        check_weights(path)
    if is_personaplex(info):
        if (commit := commit_of(info)) and download and not is_folder(model):
            weights.fetch_extra(model, commit, VOICES, progress)
        if archive := voice_archive(info):
            refuse_pointer(archive)
        personaplex = PersonaPlex.of(info)
        check_shape(personaplex, model, personaplex.lm_config["dep_q"])
        check_fit(info)
        check_support(personaplex)
        return personaplex
    check_shape(info, model, depformer_steps(info.moshi_weights))
    check_fit(info)
    check_support(info)
    return info


def _adapted(model: str, info: CheckpointInfo, lora: str | None, progress: weights.Progress, download: bool) -> Adapted:
    """The checkpoint with its own adapters, those that MOSHI_LORA names, or none; never random ones."""
    config, own = info.raw_config or {}, info.lora_weights
    if own is None and promises(config):
        folder = Path(info.moshi_weights).parent
        if (commit := commit_of(info)) and download and not is_folder(model):
            weights.fetch_extra(model, commit, ADAPTERS, progress)
        own = folder / ADAPTERS if (folder / ADAPTERS).is_file() else None
    if own is not None and lora is not None:
        raise LoadError(f"MOSHI_LORA={lora}, and {model} names adapters of its own ({own.name}): unset MOSHI_LORA")
    adapters: Adapters | None = None
    if own is not None:
        adapters = adapters_of(own, config)
    elif lora is not None:
        adapters = find_adapters(lora, progress, download)
    return Adapted.of(info, lm_config=without_lora(info.lm_config), lora_weights=None, adapters=adapters)


def voice_archive(info: CheckpointInfo) -> Path | None:
    """The voices that come with a checkpoint."""
    archive = Path(info.moshi_weights).parent / VOICES
    return archive if archive.is_file() else None


def commit_of(info: CheckpointInfo) -> str | None:
    """Of a checkpoint from a hub, what its revision stood for."""
    folder = Path(info.moshi_weights).parent
    return folder.name if folder.parent.name == "snapshots" else None


def _in_cache(repository: str, revision: str | None, progress: weights.Progress, download: bool) -> CheckpointInfo:
    files = weights.fetch(repository, revision, NAMES, OPTIONAL, progress, download)
    config = {} if files.config is None else read_config(files.config)
    named = {key: str(config[key]) for key in (*NAMES, *OPTIONAL) if config.get(key)}
    elsewhere = {key: locate(name, progress, download) for key, name in named.items() if is_elsewhere(name)}
    return _info(repository, files.config, files.named | elsewhere, files.commit)


def _in_folder(folder: Path, progress: weights.Progress, download: bool) -> CheckpointInfo:
    config_path = file_in(folder, "config.json")
    if config_path is None:
        found = {key: file_in(folder, name) for key, name in NAMES.items()}
        files = {key: path for key, path in found.items() if path is not None}
        if len(files) < len(NAMES):
            raise LoadError(f"{folder} holds no config.json, so it is not a Moshi checkpoint")
        return _info(str(folder), None, files, None)
    config = read_config(config_path)
    files = {}
    for key in (*NAMES, *OPTIONAL):
        name = config.get(key) or NAMES.get(key)
        if name is None:
            continue
        if is_elsewhere(name):
            files[key] = locate(name, progress, download)
            continue
        path = file_in(folder, name)
        if path is None and key == "moshi_name":
            path = _instead(folder, config)
        if path is None:
            if key in config:
                raise LoadError(f"{config_path} names {name} as {key}, which is not in that folder")
            raise LoadError(f"{config_path} does not say {key}, and {name} is not there")
        files[key] = path
    return _info(str(folder), config_path, files, None)


def _instead(folder: Path, config: Mapping[str, Any]) -> Path | None:
    """In a folder that moshi-finetune has written, the merged model: its configuration names the base's file."""
    if (folder / MERGED).is_file():
        return folder / MERGED
    if (folder / str(config.get("lora_name") or ADAPTERS)).is_file():
        raise LoadError(
            f"{folder} holds LoRA adapters, and not the model that they adapt: set MOSHI_LORA={folder}, and "
            "MOSHI_MODEL to that model"
        )
    return None


def _info(name: str, config: Path | None, files: Mapping[str, Path], commit: str | None) -> CheckpointInfo:
    if config is None:  # the first released repositories: the 7B model of upstream's defaults
        return CheckpointInfo(files["moshi_name"], files["mimi_name"], files["tokenizer_name"])
    if mimi_config := files.get("mimi_config_name"):
        read_mimi_config(mimi_config)
    return CheckpointInfo.from_hf_repo(
        name,
        moshi_weights=files["moshi_name"],
        mimi_weights=files["mimi_name"],
        tokenizer=files["tokenizer_name"],
        config_path=config,
        mimi_config_path=files.get("mimi_config_name"),
        lora_weights=files.get("lora_name"),
        revision=commit,
    )
