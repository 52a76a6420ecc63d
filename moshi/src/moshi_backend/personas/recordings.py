"""Voices from recordings: made as loud as PersonaPlex's own, encoded once, and kept."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import sphn
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from moshi_backend.errors import LoadError
from moshi_backend.errors import personas as errors
from moshi_backend.model.prompt import DelayPattern, PromptStart
from moshi_backend.model.speech import SpeechEncoder
from moshi_backend.model.tokens import Tokens
from moshi_backend.personas.loudness import normalised
from moshi_backend.personas.voices import BadVoice, Voice, read_prompt, voice_files
from moshi_service.errors import InvalidValue

log = logging.getLogger(__name__)

LOUDNESS = -24.0
"""LUFS of a voice prompt, as PersonaPlex's."""

SHORTEST, LONGEST = 1.0, 30.0
"""Seconds of a recording. A longer one takes more of what the model remembers than a voice is worth."""

VERSION = 2
"""Of how recordings are encoded. Codes that were kept by another version are made anew."""


class Recordings:
    """Encodes a recording when it has not been encoded before.

    Args:
        kept: the folder for what has been encoded.
    """

    def __init__(self, encoder: SpeechEncoder, kept: Path) -> None:
        self._encoder = encoder
        self._kept = kept
        self._digest: bytes | None = None

    def encode(self, path: Path) -> Tokens:
        """Codes [frames, codebooks].

        Raises:
            BadVoice: it is no recording, or none of a voice.
        """
        kept = self._kept / f"{self._key(path)}.safetensors"
        try:
            return load_file(kept)["codes"].astype(np.int64)
        except (OSError, SafetensorError, KeyError):
            pass  # not there yet, or damaged: made anew
        codes = self._encode(path)
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            made = kept.with_suffix(".new")
            save_file({"codes": codes}, made)
            made.rename(kept)
        except OSError as error:
            log.warning(errors.voice_not_kept(path.name, error))
        return codes

    def _key(self, path: Path) -> str:
        if self._digest is None:
            with self._encoder.weights.open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256").digest()
        return hashlib.sha256(self._digest + bytes([VERSION]) + path.read_bytes()).hexdigest()

    def _encode(self, path: Path) -> Tokens:
        rate = self._encoder.sample_rate
        try:
            samples, _ = sphn.read(str(path), sample_rate=rate)
        except Exception as error:  # the library has no errors of its own
            raise BadVoice(errors.recording_unreadable(path.name, str(error)[:120])) from None
        seconds = samples.shape[-1] / rate
        if not SHORTEST <= seconds <= LONGEST:
            raise BadVoice(errors.recording_length(path.name, seconds, SHORTEST, LONGEST))
        try:
            speech = normalised(samples.mean(0, dtype=np.float32), rate, LOUDNESS)
        except InvalidValue as error:
            raise BadVoice(errors.recording_unusable(path.name, error.problem)) from None
        return self._encoder.encode(speech)


def from_folder(folder: Path, pattern: DelayPattern, width: int, recordings: Recordings) -> list[Voice]:
    """The voices in its `voice_files`.

    Raises:
        LoadError: names the file that cannot be one, and says why.
    """
    voices = []
    for path in voice_files(folder):
        try:
            if path.suffix == ".pt":
                voices.append(read_prompt(path.stem, path.read_bytes(), pattern, width))
            else:
                codes = recordings.encode(path)[:, : pattern.model_codebooks]
                voices.append(Voice(path.stem, PromptStart(pattern.initial()), codes))
        except BadVoice as error:
            raise LoadError(errors.voice_unusable(error.problem, folder)) from None
        except OSError as error:
            raise LoadError(errors.voices_unreadable(path, error.strerror)) from None
    return voices
