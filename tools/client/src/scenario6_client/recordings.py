"""Sound files: a question to send, and an answer to keep."""

from pathlib import Path

import numpy as np
import sphn

from moshi_service.errors import ProblemError
from scenario6_client import errors
from scenario6_client.audio import SAMPLE_RATE, Samples

LONGEST_SECONDS = 1800.0


class BadFile(ProblemError):
    """A file cannot be read or written."""


def read(file: Path) -> Samples:
    """The sound of a file as float32 mono at 24 kHz: any rate, any number of channels.

    Raises:
        BadFile: it is no recording, is empty, or is longer than `LONGEST_SECONDS`.
    """
    if not file.is_file():
        raise BadFile(errors.sound_file_missing(file))
    try:
        # Only the header is read here, so that a file of many hours takes no memory.
        seconds = sphn.durations([str(file)])[0]
        if seconds is not None and seconds > LONGEST_SECONDS:
            raise BadFile(errors.sound_file_too_long(file, seconds, LONGEST_SECONDS))
        channels, _ = sphn.read(str(file), sample_rate=SAMPLE_RATE)
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(errors.sound_file_unreadable(file, why)) from None
    if channels.size == 0:
        raise BadFile(errors.sound_file_empty(file))
    mono: Samples = np.nan_to_num(channels.mean(axis=0, dtype=np.float32), posinf=1.0, neginf=-1.0)
    return mono.clip(-1.0, 1.0)


def write(file: Path, samples: Samples) -> None:
    """A WAV file of 16 bits at 24 kHz.

    Raises:
        BadFile: it cannot be written.
    """
    try:
        sphn.write_wav(str(file), np.clip(samples, -1.0, 1.0), SAMPLE_RATE)
    except (OSError, ValueError) as error:
        raise BadFile(errors.file_not_written(file, str(error).splitlines()[0])) from None
