"""Our changes to upstream's code: `patches/*.patch`, applied in the order of their names, by git, without fuzz."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vendoring.archive import LICENCE_PREFIX, is_vendored
from vendoring.errors import Refused


def apply(patches: Mapping[str, bytes], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after all patches.

    Args:
        patches: unified diffs by name; their paths are relative to third_party/moshi/, after the usual `a/`, `b/`.
        files: contents by path.

    Raises:
        Refused: a patch does not apply, names the file and the hunk; or it touches something else than the package.
    """
    if not patches:
        return dict(files)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "tree")
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, patch in patches.items():
            if _git_apply(folder, patch).returncode != 0:
                raise Refused(f"{name} does not apply: {_conflict(folder, patch)}; rewrite it for this release")
        result = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        for name in sorted(result):
            if result[name].is_symlink() or not is_vendored(name):
                raise Refused(f"a patch makes {name}, which is no file of the package; patches change only that")
        patched = {name: path.read_bytes() for name, path in result.items()}
    for name in sorted(patched.keys() | files.keys()):
        if name.startswith(LICENCE_PREFIX) and patched.get(name) != files.get(name):
            raise Refused(f"a patch changes {name}; a licence is not ours to change")
    return patched


def _conflict(folder: Path, patch: bytes) -> str:
    """Where it does not fit: hunks are tried one by one, in files that are thrown away."""
    said = _git_apply(folder, patch, "--reject", "--verbose").stderr.decode(errors="replace")
    places: list[str] = []
    file = "?"
    for line in said.splitlines():
        if checking := re.match(r"(?:Checking patch|Applying patch) (.+?)(?:\.\.\.| with .*)$", line):
            file = checking[1]
        elif rejected := re.match(r"Rejected hunk #(\d+)", line):
            places.append(f"{file}, hunk {rejected[1]}")
        elif missing := re.match(r"error: (.+): No such file or directory", line):
            places.append(f"{missing[1]} is not there")
    reasons = [line.removeprefix("error: ") for line in said.splitlines() if line.startswith("error: ")]
    return ", ".join(places) or (reasons[0] if reasons else "git apply says no")


def _git_apply(folder: Path, patch: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    # Nothing of a repository around the folder, or of the user's configuration, decides what a patch does.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }
    try:
        return subprocess.run(
            ["git", "apply", "--whitespace=nowarn", *options], cwd=folder, env=environment, input=patch,
            capture_output=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise Refused(f"git does not run ({error.strerror}); patches need it") from None
