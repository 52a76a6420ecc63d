"""Names in config.json that point out of the checkpoint, as upstream's loader takes them."""

from pathlib import Path

from moshi_backend.checkpoint.download import Progress, fetch
from moshi_backend.errors import LoadError
from moshi_backend.errors import checkpoints as errors

HUB, FILE = "hf://", "file://"


def is_elsewhere(name: str) -> bool:
    """Whether a name points out of the checkpoint."""
    return "://" in name


def locate(name: str, progress: Progress, download: bool = True) -> Path:
    """The file that `hf://owner/name/file` (downloaded if it is not cached) or `file:///path` stands for.

    Raises:
        LoadError: there is no such file; says what to do.
    """
    if name.startswith(FILE):
        path = Path(name.removeprefix(FILE))
        if not path.is_file():
            raise LoadError(errors.named_file_missing(name))
        return path
    owner, _, rest = name.removeprefix(HUB).partition("/")
    repository, _, file = rest.partition("/")
    if not name.startswith(HUB) or not file:
        raise LoadError(errors.named_file_malformed(name))
    return fetch(f"{owner}/{repository}", None, {file: file}, (), progress, download).named[file]
