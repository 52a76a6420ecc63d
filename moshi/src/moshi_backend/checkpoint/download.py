"""Checkpoints from a Hugging Face hub: downloaded once into its cache, resumed when interrupted.

For every way in which it fails there is one line that says what to do.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils.tqdm import disable_progress_bars
from requests.exceptions import ChunkedEncodingError

from moshi_backend.checkpoint.config import read_config
from moshi_backend.errors import LoadError, brief
from moshi_backend.errors import checkpoints as checkpoint_errors
from moshi_backend.errors import hub as errors
from moshi_service.errors import Problem

log = logging.getLogger(__name__)

GIB = 2**30

POLL_SECONDS = 0.5

FRUITLESS_ATTEMPTS = 3
"""At downloading a file over connections that break. The client writes it in pieces of 10 MB."""

type Progress = Callable[[str, float], None]
"""Told what is going on, and how much of it is done, 0 to 1."""


class NotCached(LoadError):
    """Nothing is wrong, but a file has to be downloaded first."""


@dataclass(frozen=True)
class Files:
    """The files of a checkpoint.

    Attributes:
        commit: of the revision, if they come from a hub.
        config: the content of config.json; none in old repositories.
        named: by the key of config.json that names a file.
    """

    commit: str | None
    config: dict[str, Any] | None
    named: dict[str, Path]


@dataclass(frozen=True)
class _Missing:
    """A file that is not in the cache yet, and where it will be. Bytes."""

    name: str
    size: int
    blob: Path

    @property
    def there(self) -> int:
        for path in (self.blob, self.blob.with_name(self.blob.name + ".incomplete")):
            if path.exists():
                return min(self.size, path.stat().st_size)
        return 0


def fetch(
    repository: str,
    revision: str | None,
    names: Mapping[str, str],
    optional: Sequence[str],
    progress: Progress,
    download: bool = True,
) -> Files:
    """Find every file of a checkpoint, and download those that the cache lacks.

    A complete cache needs no hub: whatever the hub answers, and if it cannot be asked, the cache is taken as it is.

    Args:
        names: by which key of config.json a file is named, and its name where that leaves it out.
        optional: keys of files that are there only if config.json names them.
        download: otherwise only look, and ask nothing of the hub.

    Raises:
        LoadError: says in one line what was wrong and what to do.
        NotCached: a file is missing, and `download` is not set.
    """
    disable_progress_bars()
    with _in_words(repository, revision):
        other = [*names.values()][-1]  # a small file that shows whether the repository is there
        if download and not constants.HF_HUB_OFFLINE:
            folder, config = _find(repository, revision, other)
        else:
            folder, config = _cached_folder(repository, revision, other, download)
        declared = None if config is None else read_config(config)
        content = declared or {}
        named = {key: str(content.get(key, default)) for key, default in names.items()}
        named |= {key: str(content[key]) for key in optional if content.get(key)}
        named = {key: name for key, name in named.items() if "://" not in name}  # those are elsewhere
        commit = folder.name
        if not download and (missing := [name for name in named.values() if not _cached(repository, name, commit)]):
            raise NotCached(_not_cached(repository, missing[0]))
        _complete(repository, commit, list(named.values()), progress)
        return Files(commit, declared, {key: folder / name for key, name in named.items()})


def fetch_extra(repository: str, commit: str, name: str, progress: Progress) -> None:
    """Download a file that a repository may have. One that has it not, and one that is offline, is left as it is.

    Raises:
        LoadError: says in one line what was wrong and what to do.
    """
    with _in_words(repository, commit):
        try:
            _complete(repository, commit, [name], progress)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            log.info("%s has no %s", repository, name)
        except OfflineModeIsEnabled:
            log.warning(errors.extra_file_offline(name, repository))
        except requests.RequestException as error:
            log.warning(errors.extra_file_unreachable(name, repository, brief(error)))


def _complete(repository: str, commit: str, names: list[str], progress: Progress) -> None:
    """Download those that the cache lacks."""
    missing = [_look(repository, name, commit) for name in names if not _cached(repository, name, commit)]
    if missing:
        _check_disk(missing)
        with _watched(missing, progress):
            for file in missing:
                _download(repository, file, commit)


def _find(repository: str, revision: str | None, other: str) -> tuple[Path, Path | None]:
    """The folder of the revision's commit in the cache, and its configuration; old ones have none, but `other`."""
    try:
        return _asked(repository, revision, other)
    except (RevisionNotFoundError, HFValidationError):
        raise
    except (OSError, FileMetadataError) as error:  # the client's errors are OSErrors
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            raise
        found = _look_in_cache(repository, revision, other)
        if found is None:
            raise
        log.warning(errors.taken_from_cache(repository, constants.ENDPOINT, brief(error)))
        return found


def _asked(repository: str, revision: str | None, other: str) -> tuple[Path, Path | None]:
    """As the hub knows the revision now. A cache that is up to date is not written to."""
    try:
        about = get_hf_file_metadata(hf_hub_url(repository, "config.json", revision=revision))
        if about.commit_hash is None:
            raise FileMetadataError("it does not answer as a hub does")
        found = _look_in_cache(repository, revision, other)
        if found is not None and found[0].name == about.commit_hash:
            return found
        config = Path(hf_hub_download(repository, "config.json", revision=revision))
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError:
        return Path(hf_hub_download(repository, other, revision=revision)).parent, None
    return config.parent, config


def _cached_folder(repository: str, revision: str | None, other: str, download: bool) -> tuple[Path, Path | None]:
    """As `_find`, without the hub."""
    found = _look_in_cache(repository, revision, other)
    if found is None:
        raise OfflineModeIsEnabled if download else NotCached(_not_cached(repository, "config.json"))
    return found


def _look_in_cache(repository: str, revision: str | None, other: str) -> tuple[Path, Path | None] | None:
    config = try_to_load_from_cache(repository, "config.json", revision=revision)
    if isinstance(config, str):
        return Path(config).parent, Path(config)
    path = try_to_load_from_cache(repository, other, revision=revision)
    return (Path(path).parent, None) if isinstance(path, str) else None


def _not_cached(repository: str, name: str) -> Problem:
    return errors.not_in_cache(name, repository, constants.HF_HUB_CACHE)


def _cached(repository: str, name: str, commit: str) -> bool:
    return isinstance(try_to_load_from_cache(repository, name, revision=commit), str)


def _look(repository: str, name: str, commit: str) -> _Missing:
    if constants.HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled
    about = get_hf_file_metadata(hf_hub_url(repository, name, revision=commit))
    blobs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repository, repo_type="model"), "blobs")
    return _Missing(name, about.size or 0, blobs / str(about.etag))


def _download(repository: str, file: _Missing, commit: str) -> None:
    """The client resumes, but not when a connection breaks: try again, as often as that gets further and a bit more."""
    fruitless = 0
    while fruitless < FRUITLESS_ATTEMPTS:
        before = file.there
        try:
            hf_hub_download(repository, file.name, revision=commit)
            return
        except _BROKEN:
            fruitless = 0 if file.there > before else fruitless + 1
    hf_hub_download(repository, file.name, revision=commit)


_BROKEN = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError)


def _check_disk(missing: list[_Missing]) -> None:
    needed = sum(file.size - file.there for file in missing)
    Path(constants.HF_HUB_CACHE).mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(constants.HF_HUB_CACHE).free
    if needed > free:
        raise LoadError(errors.disk_too_small(needed / GIB, free / GIB, constants.HF_HUB_CACHE))


@contextmanager
def _watched(missing: list[_Missing], progress: Progress) -> Iterator[None]:
    """Tell what has arrived, from the files' sizes: however the hub's client gets them, they grow."""
    done = threading.Event()
    total = sum(file.size for file in missing) or 1
    began, before = time.monotonic(), sum(file.there for file in missing)

    def tell() -> None:
        while not done.wait(POLL_SECONDS):
            there = sum(file.there for file in missing)
            rate = (there - before) / (time.monotonic() - began)
            left = f", {_time((total - there) / rate)} left" if rate > 0 else ""
            progress(f"{there / GIB:.2f} of {total / GIB:.2f} GiB, {rate / 2**20:.1f} MiB/s{left}", there / total)

    progress(f"{before / GIB:.2f} of {total / GIB:.2f} GiB", before / total)
    teller = threading.Thread(target=tell, name="download progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


@contextmanager
def _in_words(repository: str, revision: str | None) -> Iterator[None]:
    try:
        yield
    except (OSError, HFValidationError, FileMetadataError) as error:  # the client's other errors are OSErrors
        # Whatever a hub answers, the client calls a file that is not cached missing.
        log.debug("the hub's client failed", exc_info=True)
        told = error.__cause__ if isinstance(error.__cause__, HfHubHTTPError) else error
        raise LoadError(_problem(told, repository, revision)) from None


def _problem(error: Exception, repository: str, revision: str | None) -> Problem:
    """What is wrong, and what to do about it. The order matters: the client's errors are kinds of each other."""
    hub, cache = constants.ENDPOINT, constants.HF_HUB_CACHE
    page = f"{hub}/{repository}"
    match error:
        case HFValidationError():
            return errors.model_unknown(repository)
        case GatedRepoError():
            return errors.licence_not_accepted(repository, page)
        case RepositoryNotFoundError():
            return errors.repository_missing(page)
        case RevisionNotFoundError():
            return errors.revision_missing(revision, page)
        case LocalEntryNotFoundError() | OfflineModeIsEnabled() if constants.HF_HUB_OFFLINE:
            return errors.cache_incomplete(repository, cache)
        case LocalEntryNotFoundError():
            return errors.hub_unreachable(hub)
        case EntryNotFoundError():
            name = str(error.response.url if error.response is not None else "").rpartition("/")[2] or "such file"
            return checkpoint_errors.repository_without_file(page, name)
        case HfHubHTTPError():
            status = error.response.status_code if error.response is not None else "nothing"
            if status == 401:
                return errors.token_unknown(hub)
            if status == 403:
                return errors.token_without_access(page)
            return errors.hub_failed(hub, status)
        case requests.RequestException() | FileMetadataError():
            return errors.hub_unreachable(hub)
        case _ if "Consistency check failed" in str(error):
            return errors.download_incomplete(page)
    why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return errors.cache_unwritable(cache, why)
