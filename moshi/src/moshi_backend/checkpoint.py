"""Which files a model is made of, found by upstream's own loading code."""

import json
from importlib import resources
from pathlib import Path

from moshi.models.loaders import CheckpointInfo

DEMO = "demo"


def find_checkpoint(model: str, revision: str | None) -> CheckpointInfo:
    """Resolve `demo`, a folder or a Hugging Face repository id; the latter is downloaded if it is not cached.

    Raises:
        ValueError: the folder is not a checkpoint, or the checkpoint is of another kind than Moshi.
        OSError: from huggingface_hub: no such repository, no access, no network.
    """
    if model == DEMO:
        info = _in_folder(Path(str(resources.files("moshi_backend") / "demo")))
    elif Path(model).is_dir():
        info = _in_folder(Path(model))
    else:
        info = CheckpointInfo.from_hf_repo(model, revision=revision)
    if info.model_type != "moshi":
        raise ValueError(f"{model} is a {info.model_type} checkpoint; this service converses with moshi checkpoints")
    return info


def _in_folder(folder: Path) -> CheckpointInfo:
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise ValueError(f"{folder} holds no config.json, so it is not a Moshi checkpoint")
    config = json.loads(config_path.read_text())
    files = {}
    for key in ("moshi_name", "mimi_name", "tokenizer_name", "mimi_config_name"):
        if key in config:
            files[key] = folder / config[key]
            if not files[key].is_file():
                raise ValueError(f"{config_path} names {config[key]} as {key}, which is not in that folder")
        elif key != "mimi_config_name":
            raise ValueError(f"{config_path} does not say {key}")
    return CheckpointInfo.from_hf_repo(
        str(folder),
        moshi_weights=files["moshi_name"],
        mimi_weights=files["mimi_name"],
        tokenizer=files["tokenizer_name"],
        config_path=config_path,
        mimi_config_path=files.get("mimi_config_name"),
    )
