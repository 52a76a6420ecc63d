"""Which files a model is made of, found by upstream's own loading code."""

from importlib import resources
from pathlib import Path

from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME, CheckpointInfo

from moshi_backend import weights
from moshi_backend.checkpoint_config import MODEL_TYPES, read_config, read_mimi_config, refuse_pointer
from moshi_backend.errors import LoadError
from moshi_backend.folders import checkpoint_folder, file_in
from moshi_backend.model.fit import check_fit, check_support, check_weights
from moshi_backend.model.personaplex import PersonaPlex, is_personaplex

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
    download: bool = True,
) -> CheckpointInfo:
    """Resolve `demo`, a folder or a Hugging Face repository id, and check its files.

    Args:
        download: a repository's files that the cache lacks; otherwise nothing is asked of the hub.

    Raises:
        LoadError: there is none, it cannot be had, it is damaged, or it is of another kind than Moshi.
        NotCached: a file is missing, and `download` is not set.
    """
    if model == DEMO:
        info = _in_folder(Path(str(resources.files("moshi_backend") / "demo")))
    elif Path(model).is_dir():
        info = _in_folder(checkpoint_folder(Path(model), revision))
    else:
        info = _in_cache(model, revision, progress, download)
    if info.model_type not in MODEL_TYPES:
        raise LoadError(
            f"{model} is a {info.model_type} checkpoint; this service converses with moshi and personaplex checkpoints"
        )
    if (info.lm_config or {}).get("quantize"):
        raise LoadError(f"{model} has weights of 8 bits, which are not supported: take the one of 16 bits")
    for path in (info.moshi_weights, info.mimi_weights):
        check_weights(path)
    check_fit(info)
    if info.model_type == "personaplex" or is_personaplex(info.moshi_weights, info.lm_config):
        commit = commit_of(info)
        if commit and download and not Path(model).is_dir():
            weights.fetch_extra(model, commit, VOICES, progress)
        if archive := voice_archive(info):
            refuse_pointer(archive)
        info = PersonaPlex.of(info)
    check_support(info)
    return info


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
    if mimi_config := files.named.get("mimi_config_name"):
        read_mimi_config(mimi_config)
    if files.config is None:
        return _released(files.named)
    return CheckpointInfo.from_hf_repo(
        repository,
        moshi_weights=files.named.get("moshi_name"),
        mimi_weights=files.named.get("mimi_name"),
        tokenizer=files.named.get("tokenizer_name"),
        config_path=files.config,
        mimi_config_path=files.named.get("mimi_config_name"),
        lora_weights=files.named.get("lora_name"),
        revision=files.commit,
    )


def _in_folder(folder: Path) -> CheckpointInfo:
    config_path = file_in(folder, "config.json")
    if config_path is None:
        found = {key: file_in(folder, name) for key, name in NAMES.items()}
        files = {key: path for key, path in found.items() if path is not None}
        if len(files) < len(NAMES):
            raise LoadError(f"{folder} holds no config.json, so it is not a Moshi checkpoint")
        return _released(files)
    config = read_config(config_path)
    files = {}
    for key in ("moshi_name", "mimi_name", "tokenizer_name", "mimi_config_name"):
        name = config.get(key, NAMES.get(key))
        if name is None:
            continue
        path = file_in(folder, name)
        if path is None:
            if key in config:
                raise LoadError(f"{config_path} names {name} as {key}, which is not in that folder")
            raise LoadError(f"{config_path} does not say {key}, and {name} is not there")
        files[key] = path
    if "mimi_config_name" in files:
        read_mimi_config(files["mimi_config_name"])
    return CheckpointInfo.from_hf_repo(
        str(folder),
        moshi_weights=files["moshi_name"],
        mimi_weights=files["mimi_name"],
        tokenizer=files["tokenizer_name"],
        config_path=config_path,
        mimi_config_path=files.get("mimi_config_name"),
    )


def _released(files: dict[str, Path]) -> CheckpointInfo:
    """The first released repositories have no config.json: they are the 7B model of upstream's defaults."""
    return CheckpointInfo(files["moshi_name"], files["mimi_name"], files["tokenizer_name"])
