"""Recordings of people that Debian's packages contain."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from demo_model.architecture import SAMPLE_RATE, Audio
from demo_model.resampling import resampled


def install(folder: Path, packages: Sequence[str]) -> bool:
    """Install `packages` if `folder`, which is theirs, is missing and this is root on Debian. Whether it is there."""
    if not folder.is_dir() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], stdout=subprocess.DEVNULL, check=False)
    return folder.is_dir()


def _mono(frame: av.AudioFrame) -> NDArray[Any]:
    """The mean of a frame's channels: [samples], in -1..1.

    PyAV's resampler could do this, but it starts threads, and a process with threads must not fork (`examples`).
    """
    samples: NDArray[Any] = frame.to_ndarray()
    channels = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    scale = 2 ** (8 * samples.itemsize - 1) if samples.dtype.kind == "i" else 1
    return np.asarray(channels.mean(0) / scale)


def decoded(path: Path, container_format: str | None = None) -> Audio:
    """The sound of a file, mixed to one channel, at `SAMPLE_RATE`. A raw G.722 file does not tell its own format.

    The file's samples are floats or have at least 16 bits.
    """
    with av.open(str(path), format=container_format) as container:
        rate = container.streams.audio[0].rate
        parts = [_mono(frame) for frame in container.decode(audio=0)]
    return resampled(np.concatenate(parts, dtype=np.float32), rate, SAMPLE_RATE)
