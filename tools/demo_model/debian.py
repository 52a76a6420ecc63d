"""Installs packages of Debian. Some of them contain recordings of people."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path


def install(folder: Path, packages: Sequence[str]) -> bool:
    """Install `packages` if `folder`, which is theirs, is missing and this is root on Debian. Whether it is there."""
    if not folder.is_dir() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], stdout=subprocess.DEVNULL, check=False)
    return folder.is_dir()
