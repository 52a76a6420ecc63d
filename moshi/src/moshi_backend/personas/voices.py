"""Voices: from the archive that comes with PersonaPlex, and from a folder of one's own. By id, never by path."""

import io
import logging
import pickle
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from moshi_backend.errors import LoadError
from moshi_backend.errors import checkpoints as checkpoint_errors
from moshi_backend.errors import personas as errors
from moshi_backend.model.prompt import DelayPattern, PromptStart
from moshi_backend.model.tokens import NO_TOKEN, Tokens
from moshi_service.errors import ProblemError

log = logging.getLogger(__name__)

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")

PROMPT_BYTES = 64 * 2**20
"""Of a saved prompt. Ten seconds of the 7B model's are 1 MB."""

ARCHIVE_FILES = 200


class BadVoice(ProblemError):
    """A file is no voice, or not one of this model."""


@dataclass(frozen=True)
class Voice:
    """A voice that a conversation can begin with.

    Attributes:
        id: clients ask for it by this name.
        start: how the prompt begins.
        codes: speech in this voice, [frames, codebooks]; empty when `start` has all of it.
    """

    id: str
    start: PromptStart
    codes: Tokens

    @property
    def frames(self) -> int:
        """How long it is."""
        return len(self.codes) + (0 if self.start.embedded is None else len(self.start.embedded))


def voice_files(folder: Path) -> list[Path]:
    """Every `.wav` in a folder, and every `.pt` that PersonaPlex's server saved; the id is the name without that.

    Raises:
        LoadError: it is no folder, or a name cannot be an id.
    """
    if not folder.is_dir():
        raise LoadError(errors.voices_no_folder(folder))
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix in (".wav", ".pt")]
    except OSError as error:
        raise LoadError(errors.voices_unreadable(folder, error.strerror)) from None
    for file in files:
        if not ID.fullmatch(file.stem):
            raise LoadError(errors.voice_unusable(errors.voice_name(file.name), folder))
    return files


def ids_in_archive(path: Path) -> list[str]:
    """Ids of the saved prompts in `voices.tgz`.

    Raises:
        LoadError: the archive is damaged.
    """
    with _opened(path) as archive:
        return sorted(entry_id for entry in archive if (entry_id := _id(entry)))


def from_archive(path: Path, pattern: DelayPattern, width: int) -> list[Voice]:
    """The saved prompts in `voices.tgz`. They are read in memory: nothing is extracted, wherever its entries point.

    Raises:
        LoadError: the archive or a voice in it is damaged.
    """
    try:
        with _opened(path) as archive:
            return [read_prompt(name, data, pattern, width) for name, data in _prompts(path, archive)]
    except BadVoice as error:
        raise LoadError(errors.voices_archive_unusable(path, error.problem)) from None


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            yield archive
    except (tarfile.TarError, EOFError, OSError) as error:
        raise LoadError(checkpoint_errors.file_damaged(path, error, path.resolve())) from None


def _id(entry: tarfile.TarInfo) -> str | None:
    """Of the voice that an entry of the archive is."""
    name = Path(entry.name)
    return name.stem if entry.isreg() and name.suffix == ".pt" and ID.fullmatch(name.stem) else None


def _prompts(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for count, entry in enumerate(archive):
        if count >= ARCHIVE_FILES:
            raise LoadError(errors.voices_archive_too_long(path, ARCHIVE_FILES))
        if (id_ := _id(entry)) is None:
            continue
        if entry.size > PROMPT_BYTES:
            raise BadVoice(errors.saved_voice_too_large(entry.name, entry.size))
        file = archive.extractfile(entry)
        assert file is not None
        yield id_, file.read()


def read_prompt(id_: str, data: bytes, pattern: DelayPattern, width: int) -> Voice:
    """A prompt that PersonaPlex's server saved: inputs of the first positions, and its ring of tokens after them.

    Only tensors are read, never code.

    Raises:
        BadVoice: it is something else, or of another model.
    """
    try:
        _refuse_programs(id_, data)
        content = torch.load(io.BytesIO(data), "cpu", weights_only=True)
        embedded, ring = content["embeddings"], content["cache"]
        embedded, ring = embedded.reshape(len(embedded), -1), ring[0].long()
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        why = str(error).partition("\n")[0]
        raise BadVoice(errors.no_saved_voice(id_, f"{type(error).__name__}: {why[:120]}")) from None
    except (AttributeError, IndexError):
        raise BadVoice(errors.no_saved_voice(id_, "its `embeddings` and `cache` are no tensors")) from None
    if ring.ndim != 2 or ring.shape[1] <= max(pattern.delays) or not embedded.is_floating_point():
        raise BadVoice(errors.no_saved_voice(id_, "`embeddings` or `cache` has another shape"))
    if embedded.shape[1] != width or len(ring) != len(pattern.delays):
        raise BadVoice(
            errors.saved_voice_of_another_model(id_, embedded.shape[1], width, len(ring), len(pattern.delays))
        )
    start = len(embedded)
    tokens = pattern.initial()
    for step in range(len(tokens)):
        for stream, delay in enumerate(pattern.delays):
            known = step <= delay
            tokens[step, stream] = int(ring[stream, (start + step) % ring.shape[1]]) if known else NO_TOKEN
    most = np.array(
        [pattern.initial_audio if stream else pattern.initial_text for stream in range(len(pattern.delays))]
    )
    given = tokens != NO_TOKEN
    if not given[0].all() or (given & ((tokens < 0) | (tokens > most))).any() or not torch.isfinite(embedded).all():
        raise BadVoice(errors.saved_voice_values(id_))
    return Voice(id_, PromptStart(tokens, embedded), np.empty((0, pattern.model_codebooks), np.int64))


def _refuse_programs(id_: str, data: bytes) -> None:
    """PyTorch 2.4 lets two kinds of files past its weights-only loading, and they can run code (CVE-2025-32434): those
    of its format before 1.6, and compiled programs. What is in the file is asked of the reader that will read it."""
    if not data.startswith(b"PK\x03\x04"):
        raise BadVoice(errors.no_saved_voice(id_, "it is not in the format that PyTorch writes since 1.6"))
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    if "constants.pkl" in reader.get_all_records():  # type: ignore[attr-defined]  # its stub lacks it
        raise BadVoice(errors.no_saved_voice(id_, "it is a compiled program"))
