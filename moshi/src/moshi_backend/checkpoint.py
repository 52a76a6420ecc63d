"""Which files a model is made of, found by upstream's own loading code."""

from importlib import resources
from pathlib import Path

from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME, CheckpointInfo
from safetensors import SafetensorError, safe_open

from moshi_backend import weights
from moshi_backend.errors import LoadError
from moshi_backend.model.personaplex import PersonaPlex, is_personaplex

DEMO = "demo"

type Checkpoint = CheckpointInfo

NAMES = {"moshi_name": MOSHI_NAME, "mimi_name": MIMI_NAME, "tokenizer_name": TEXT_TOKENIZER_NAME}
"""The files that every checkpoint has, and upstream's names for them where its configuration has no others."""

OPTIONAL = ("mimi_config_name", "lora_name")

VOICES = "voices.tgz"
"""Beside PersonaPlex's weights."""


def find_checkpoint(
    model: str, revision: str | None, progress: weights.Progress = lambda detail, done: None
) -> CheckpointInfo:
    """Resolve `demo`, a folder or a Hugging Face repository id; the latter is downloaded if it is not cached.

    Raises:
        LoadError: there is none, it cannot be had, it is damaged, or it is of another kind than Moshi.
    """
    if model == DEMO:
        info = _in_folder(Path(str(resources.files("moshi_backend") / "demo")))
    elif Path(model).is_dir():
        info = _in_folder(Path(model))
    else:
        info = _in_cache(model, revision, progress)
    if info.model_type not in ("moshi", "personaplex"):
        raise LoadError(
            f"{model} is a {info.model_type} checkpoint; this service converses with moshi and personaplex checkpoints"
        )
    if (info.lm_config or {}).get("quantize"):
        raise LoadError(f"{model} has weights of 8 bits, which are not supported: take the one of 16 bits")
    for path in (info.moshi_weights, info.mimi_weights):
        _check_weights(path)
    if info.model_type == "personaplex" or is_personaplex(info.moshi_weights, info.lm_config):
        if commit := commit_of(info):
            weights.fetch_extra(model, commit, VOICES, progress)
        return PersonaPlex.of(info)
    return info


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
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise LoadError(f"{folder} holds no config.json, so it is not a Moshi checkpoint")
    config = weights.read_config(config_path)
    files = {}
    for key in ("moshi_name", "mimi_name", "tokenizer_name", "mimi_config_name"):
        name = config.get(key, NAMES.get(key))
        if name is not None:
            files[key] = folder / name
            if not files[key].is_file():
                if key in config:
                    raise LoadError(f"{config_path} names {name} as {key}, which is not in that folder")
                raise LoadError(f"{config_path} does not say {key}, and {name} is not there")
    return CheckpointInfo.from_hf_repo(
        str(folder),
        moshi_weights=files["moshi_name"],
        mimi_weights=files["mimi_name"],
        tokenizer=files["tokenizer_name"],
        config_path=config_path,
        mimi_config_path=files.get("mimi_config_name"),
    )
