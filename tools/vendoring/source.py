"""Bytes by their hash: a local file, the cache, the package index.

The cache holds release archives, and uncommitted files that a rollback replaced, each under its SHA-256.

pip itself asks the index, so the user's pip configuration, mirrors, proxies, certificates and credentials count here.
Two things keep pip from running any code of the archive:

- A pinned hash goes into the requirement, and pip compares it before it opens the archive. Otherwise pip compares the
  hash that the index gives.
- For a source archive pip also asks the package's build back end for its metadata. It finds ours under the same name,
  by `PYTHONPATH` and without build isolation; ours answers without a look at the archive. Only an archive that brings
  its own back end would still run it. Moshi's archives do not; one that did would have to be given as a file.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from vendoring import errors
from vendoring.archive import WHEEL
from vendoring.manifest import NAME, Refused, Release, sha256

_BOOTSTRAP = Path(__file__).parents[2] / ".bootstrap" / "bin" / "python"
"""Set-up's own Python, which has pip; the environment that it makes has none."""

_BACKEND = """\
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = Path(folder, "{name}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info.name
"""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/scenario6/vendor`, by default in ~/.cache: all checkouts share it."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "scenario6" / "vendor"


def cached(expected: str) -> bytes | None:
    """The contents that the cache has under a SHA-256, unless they are damaged."""
    with suppress(OSError):
        data = (cache_folder() / expected).read_bytes()
        return data if sha256(data) == expected else None
    return None


def store(data: bytes) -> Path:
    """Keeps `data` under its SHA-256. A cache that cannot be written is no error."""
    path = cache_folder() / sha256(data)
    # Under a name of its own first, so that two runs at once never show each other half an archive.
    partial = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        print(f"update_moshi: goes on without the cache ({error})", file=sys.stderr)
    return path


def read(path: Path) -> bytes:
    """
    Raises:
        Refused: there is no such file, or it may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(errors.archive_unreadable(path, error.strerror)) from None


def obtain(release: Release, archive: Path | None = None) -> bytes:
    """The release's archive, whose hash is always compared. It is then in the cache.

    Args:
        archive: use this file and nothing else.

    Raises:
        Refused: it cannot be had, or its SHA-256 is wrong.
    """
    kept = cached(release.sha256)
    if archive is None and kept is not None:
        return kept
    data = download(release) if archive is None else read(archive)
    if sha256(data) != release.sha256:
        raise Refused(errors.archive_differs(archive or release.archive, sha256(data), release.sha256))
    if kept is None:
        store(data)
    return data


def versions() -> list[str]:
    """The final releases that the index has, the newest first.

    Raises:
        Refused: there is no pip, or the index does not answer.
    """
    result = _pip("index", "versions", NAME)
    for line in result.stdout.splitlines():
        if line.startswith("Available versions:"):
            return [version.strip() for version in line.partition(":")[2].split(",")]
    raise Refused(errors.versions_unknown(_reason(result)))


def download(release: Release) -> bytes:
    """The pinned archive from the index. pip has compared its hash.

    Raises:
        Refused: there is no pip, or it could not get the archive or found its hash wrong.
    """
    found = _download(release.version, release.archive.endswith(WHEEL), f" --hash=sha256:{release.sha256}")
    if isinstance(found, str):
        raise Refused(errors.release_not_downloaded(release.archive, found))
    return found[1]


def find(version: str) -> tuple[str, bytes]:
    """The archive of a version whose hash is not known here, and its name: of the source, or else the wheel.

    Raises:
        Refused: there is no pip, the index has no such version, or pip could not get it.
    """
    known = versions()
    if version not in known:
        raise Refused(errors.release_unknown(version, ", ".join(known)))
    reasons: list[str] = []
    for wheel in (False, True):
        found = _download(version, wheel)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    raise Refused(errors.release_not_downloaded(f"{NAME} {version}", "; ".join(reasons)))


def _download(version: str, wheel: bool, options: str = "") -> tuple[str, bytes] | str:
    """The archive's name and contents, or the reason why there are none."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        backend = folder / "backend" / "setuptools" / "build_meta.py"
        backend.parent.mkdir(parents=True)
        (backend.parent / "__init__.py").touch()
        backend.write_text(_BACKEND.format(name=NAME, version=version), encoding="utf-8")
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{NAME}=={version}{options}\n", encoding="utf-8")
        result = _pip(
            *("download", "--no-deps", "--no-build-isolation", "--only-binary" if wheel else "--no-binary", NAME),
            *("--requirement", str(wanted), "--dest", scratch),
            path=str(folder / "backend"),
        )
        archives = list(folder.glob(f"{NAME}-*{WHEEL if wheel else '.tar.gz'}"))
        if result.returncode != 0 or not archives:
            return _reason(result)
        return archives[0].name, archives[0].read_bytes()


def _pip(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    # The safe path keeps a `pip` folder in the working directory from being taken for pip.
    return subprocess.run(
        [_python_with_pip(), "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def _python_with_pip() -> str:
    for candidate in (sys.executable, str(_BOOTSTRAP)):
        if Path(candidate).exists() and has_pip(candidate):
            return candidate
    raise Refused(errors.no_pip(sys.executable))


def has_pip(python: str) -> bool:
    """Whether a Python can run pip."""
    probe = [python, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _reason(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
    return lines[0] if lines else f"exit code {result.returncode}"
