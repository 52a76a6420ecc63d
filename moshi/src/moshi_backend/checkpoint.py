"""Which files a model is made of, found by upstream's own loading code."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME, CheckpointInfo
from safetensors import SafetensorError, safe_open

from moshi_backend import weights
from moshi_backend.elsewhere import is_elsewhere, locate
from moshi_backend.errors import LoadError
from moshi_backend.lora import MERGED, adapters_of, find_adapters, promises, without_lora
from moshi_backend.lora import NAME as ADAPTERS
from moshi_backend.model.adapters import Adapted
from moshi_backend.model.personaplex import PersonaPlex
from moshi_backend.model.shape import check_shape, depformer_steps, is_personaplex

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
) -> CheckpointInfo:
    """Resolve `demo`, a folder or a Hugging Face repository id; the latter is downloaded if it is not cached.

    Args:
        lora: where adapters are that the model is to be given, if its own configuration names none.
    Raises:
        LoadError: there is none, it cannot be had, it is damaged, or it is of another kind than Moshi.
    """
    if model == DEMO:
        info = _in_folder(Path(str(resources.files("moshi_backend") / "demo")), progress)
    elif Path(model).is_dir():
        info = _in_folder(Path(model), progress)
    else:
        info = _in_cache(model, revision, progress)
    if info.model_type not in ("moshi", "personaplex"):
        raise LoadError(
            f"{model} is a {info.model_type} checkpoint; this service converses with moshi and personaplex checkpoints"
        )
    if (info.lm_config or {}).get("quantize"):
        raise LoadError(f"{model} has weights of 8 bits, which are not supported: take the one of 16 bits")
    info = _adapted(model, info, lora, progress)
    for path in (info.moshi_weights, info.mimi_weights, *([info.adapters.weights] if info.adapters else [])):
        _check_weights(path)
    if is_personaplex(info):
        if (commit := commit_of(info)) and not Path(model).is_dir():
            weights.fetch_extra(model, commit, VOICES, progress)
        personaplex = PersonaPlex.of(info)
        check_shape(personaplex, model, personaplex.lm_config["dep_q"])
        return personaplex
    check_shape(info, model, depformer_steps(info.moshi_weights))
    return info


def _adapted(model: str, info: CheckpointInfo, lora: str | None, progress: weights.Progress) -> Adapted:
    """The checkpoint with its own adapters, those that MOSHI_LORA names, or none; never random ones."""
    config, own = info.raw_config or {}, info.lora_weights
    if own is None and promises(config):
        folder = Path(info.moshi_weights).parent
        if (commit := commit_of(info)) and not Path(model).is_dir():
            weights.fetch_extra(model, commit, ADAPTERS, progress)
        own = folder / ADAPTERS if (folder / ADAPTERS).is_file() else None
    if own is not None and lora is not None:
        raise LoadError(f"MOSHI_LORA={lora}, and {model} names adapters of its own ({own.name}): unset MOSHI_LORA")
    adapters = adapters_of(own, config) if own is not None else find_adapters(lora, progress) if lora else None
    return Adapted.of(info, lm_config=without_lora(info.lm_config), lora_weights=None, adapters=adapters)


def voice_archive(info: CheckpointInfo) -> Path | None:
    """The voices that come with a checkpoint."""
    archive = Path(info.moshi_weights).parent / VOICES
    return archive if archive.is_file() else None


def commit_of(info: CheckpointInfo) -> str | None:
    """Of a checkpoint from a hub, what its revision stood for."""
    folder = Path(info.moshi_weights).parent
    return folder.name if folder.parent.name == "snapshots" else None


def _check_weights(path: Path) -> None:
    if path.suffix != ".safetensors":  # upstream would unpickle it, and run what is in it
        raise LoadError(f"{path} is not in the safetensors format, the only one for weights that cannot run code")
    try:
        with safe_open(path, "np"):  # type: ignore[no-untyped-call]
            pass
    except SafetensorError as error:
        raise LoadError(f"{path} is damaged ({error}): delete {path.resolve()} and start again") from None


def _in_cache(repository: str, revision: str | None, progress: weights.Progress) -> CheckpointInfo:
    files = weights.fetch(repository, revision, NAMES, OPTIONAL, progress)
    config = {} if files.config is None else weights.read_config(files.config)
    named = {key: str(config[key]) for key in (*NAMES, *OPTIONAL) if config.get(key)}
    elsewhere = {key: locate(name, progress) for key, name in named.items() if is_elsewhere(name)}
    return _info(repository, files.config, files.named | elsewhere, files.commit)


def _in_folder(folder: Path, progress: weights.Progress) -> CheckpointInfo:
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise LoadError(f"{folder} holds no config.json, so it is not a Moshi checkpoint")
    config = weights.read_config(config_path)
    files = {}
    for key in (*NAMES, *OPTIONAL):
        name = config.get(key, NAMES.get(key))
        if name is None:
            continue
        if is_elsewhere(str(name)):
            files[key] = locate(str(name), progress)
            continue
        files[key] = folder / name
        if key == "moshi_name" and not files[key].is_file():
            files[key] = _instead(folder, config) or files[key]
        if not files[key].is_file():
            if key in config:
                raise LoadError(f"{config_path} names {name} as {key}, which is not in that folder")
            raise LoadError(f"{config_path} does not say {key}, and {name} is not there")
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
