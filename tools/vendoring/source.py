"""The archive of a release: from a local file, the cache, or the package index.

pip asks the index, so the user's pip configuration, mirrors, proxies, certificates and credentials count here. It
compares the pinned hash, or else the hash that the index gives. It runs no code of a wheel.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from vendoring import errors
from vendoring.pin import NAME, Refused, Release, sha256

_BOOTSTRAP = Path(__file__).parents[2] / ".bootstrap" / "bin" / "python"
"""Set-up's own Python, which has pip; the environment that it makes has none."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/scenario6/vendor`, by default in ~/.cache: all checkouts share it."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "scenario6" / "vendor"


def store(data: bytes) -> None:
    """Keeps an archive under its SHA-256, which `obtain` compares. A cache that cannot be written is no error."""
    path = cache_folder() / sha256(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        print(f"update_moshi: goes on without the cache ({error})", file=sys.stderr)


def obtain(release: Release, archive: Path | None = None) -> bytes:
    """The release's archive, whose hash is always compared. It is then in the cache.

    Args:
        archive: use this file and nothing else.

    Raises:
        Refused: the index does not give it, or its SHA-256 is wrong.
        OSError: the file cannot be read.
    """
    kept = b""
    with suppress(OSError):
        kept = (cache_folder() / release.sha256).read_bytes()
    if archive is None and sha256(kept) == release.sha256:
        return kept
    data = download(f"=={release.version} --hash=sha256:{release.sha256}") if archive is None else archive.read_bytes()
    if (digest := sha256(data)) != release.sha256:
        raise Refused(errors.archive_differs(archive or release.archive, digest, release.sha256))
    if kept != data:
        store(data)
    return data


def download(condition: str) -> bytes:
    """The wheel that pip chooses on the index.

    Args:
        condition: follows the name in a line of pip's requirements, such as `==1.2.3`; empty for the latest release.

    Raises:
        Refused: there is no pip, the index has no such wheel, or pip could not get it or found its hash wrong.
    """
    python = str(_BOOTSTRAP) if _BOOTSTRAP.exists() else sys.executable
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "wanted.txt")
        wanted.write_text(f"{NAME}{condition}\n", encoding="utf-8")
        # -P keeps a folder `pip` in the working directory from being taken for pip.
        command = [python, "-P", "-m", "pip", "--no-input", "--disable-pip-version-check", "download", "--no-deps"]
        command += ["--only-binary", NAME, "--requirement", str(wanted), "--dest", scratch]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        for wheel in Path(scratch).glob("*.whl"):
            return wheel.read_bytes()
    lines = ran.stderr.strip().splitlines()
    reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    raise Refused(errors.release_not_downloaded(f"{NAME}{condition.split(' ')[0]}", (reasons or lines[-1:] or [""])[0]))
