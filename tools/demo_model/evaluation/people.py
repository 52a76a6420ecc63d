"""People: announcements that five speakers recorded for Asterisk, from Debian's packages.

Their licence is CC-BY-SA. The evaluation listens to them where they are installed; nothing of them is kept.
"""

from pathlib import Path

import av
import numpy as np

from demo_model.debian import install
from demo_model.evaluation.conversing import SAMPLE_RATE, Samples
from demo_model.resampling import resampled

FOLDER = Path("/usr/share/asterisk/sounds")
LANGUAGES = ("en", "es", "fr", "it", "ru")
PACKAGES = [f"asterisk-core-sounds-{language}-g722" for language in LANGUAGES]
NO_SPEECH = ("beep", "tone", "tt-", "silence", "ring", "monkey", "conf-", "spy-")
MOST = 40
"""Clips of each speaker."""


def _decoded(path: Path) -> Samples:
    with av.open(str(path), format="g722") as container:
        parts = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    pcm: Samples = np.concatenate(parts).astype(np.float32)
    return resampled(pcm / np.float32(32_768), rate, SAMPLE_RATE)


def read() -> dict[str, list[Samples]]:
    """The clips of each speaker, or nothing where they cannot be installed."""
    if not install(FOLDER, PACKAGES):
        return {}
    speakers: dict[str, list[Samples]] = {}
    for folder in sorted(FOLDER.iterdir()):
        files = [file for file in sorted(folder.glob("*.g722")) if not any(word in file.name for word in NO_SPEECH)]
        sizes = [file for file in files if 6_400 <= file.stat().st_size <= 48_000]  # 8,000 bytes a second
        if folder.is_dir() and not folder.is_symlink() and sizes:
            speakers[folder.name] = [_decoded(file) for file in sizes[:MOST]]
    return speakers
