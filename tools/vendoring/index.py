"""Releases from the package index that the user's pip is set up for.

pip itself asks, so its configuration, mirrors, proxies, certificates and credentials hold here too. Two things keep
it from running any code of the archive:

- Where the hash is known the requirement carries it, and pip compares it before it opens the archive. Where it is not,
  pip compares the one that the index gives.
- To download a source archive pip also asks its build back end for the metadata. Normally it installs that
  back end for it and lets it read, at times even import, the package. Here it finds a back end of ours under
  the same name, by `PYTHONPATH` and without build isolation, which answers without a look at the archive.
  Only an archive that brings its own back end would still run it. Moshi's do not; one that did would have to
  be given as a file.
"""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from vendoring.archive import WHEEL
from vendoring.errors import Refused
from vendoring.manifest import NAME, Release

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


def versions() -> list[str]:
    """The final releases that the index has, the newest first.

    Raises:
        Refused: there is no pip, or the index does not answer.
    """
    result = _pip("index", "versions", NAME)
    for line in result.stdout.splitlines():
        if line.startswith("Available versions:"):
            return [version.strip() for version in line.partition(":")[2].split(",")]
    raise Refused(f"the package index did not say which versions there are ({_reason(result)}); {_ADVICE}")


def download(release: Release) -> bytes:
    """The archive, whose hash pip has compared.

    Raises:
        Refused: there is no pip, or it could not get the archive or found its hash wrong.
    """
    found = _download(release.version, release.archive.endswith(WHEEL), f" --hash=sha256:{release.sha256}")
    if isinstance(found, str):
        raise Refused(f"pip could not get {release.archive} ({found}); {_ADVICE}")
    return found[1]


def find(version: str) -> tuple[str, bytes]:
    """The archive of a version whose hash is not known here, and its name: of the source, or else the wheel.

    Raises:
        Refused: there is no pip, the index has no such version, or pip could not get it.
    """
    known = versions()
    if version not in known:
        raise Refused(f"the package index has no {NAME} {version}; it has {', '.join(known)}")
    reasons: list[str] = []
    for wheel in (False, True):
        found = _download(version, wheel)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    raise Refused(f"pip could not get {NAME} {version} ({'; '.join(reasons)}); {_ADVICE}")


_ADVICE = "check the network and pip's index settings, or use --archive FILE"


def _download(version: str, wheel: bool, options: str = "") -> tuple[str, bytes] | str:
    """The archive's name and contents, or why not."""
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
            path=backend.parents[1],
        )
        archives = list(folder.glob(f"{NAME}-*{WHEEL if wheel else '.tar.gz'}"))
        if result.returncode != 0 or not archives:
            return _reason(result)
        return archives[0].name, archives[0].read_bytes()


def _pip(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    # The safe path keeps a `pip` folder in the working directory from being taken for pip.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONPATH", None)
    if path:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [_python_with_pip(), "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments],
        env=environment,
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
    raise Refused(f"{sys.executable} has no pip; use a Python that has, or --archive FILE")


def has_pip(python: str) -> bool:
    probe = [python, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _reason(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
    return lines[0] if lines else f"exit code {result.returncode}"
