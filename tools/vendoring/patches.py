"""Our changes of upstream's package: applied by git, or refused."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vendoring import errors
from vendoring.pin import NAME, Refused


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes contents by path relative to `folder`."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def apply(patches: Mapping[str, bytes], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after all patches, which git applies without fuzz.

    Args:
        patches: unified diffs by name, in their order; paths are relative to third_party/moshi/, after `a/` and `b/`.
        files: contents by path.

    Raises:
        Refused: a patch does not apply, or touches something else than the package.
    """
    if not patches:
        return dict(files)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "tree")
        write_tree(folder, {name: data for name, data in files.items() if name.startswith(f"{NAME}/")})
        for name, patch in patches.items():
            _git_apply(name, patch, folder)
        patched = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
    for name in patched:
        if not name.startswith(f"{NAME}/"):
            raise Refused(errors.patch_makes_file(name))
    return {name: data for name, data in files.items() if not name.startswith(f"{NAME}/")} | patched


def _git_apply(name: str, patch: bytes, folder: Path) -> None:
    # The folder is no repository. Neither a repository around it nor the user's configuration changes the result.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "apply", "--whitespace=nowarn"]
    ran = subprocess.run(command, cwd=folder, env=environment, input=patch, capture_output=True, check=False)
    if ran.returncode != 0:
        reason = ran.stderr.decode(errors="replace").removeprefix("error: ").partition("\n")[0]
        raise Refused(errors.patch_does_not_apply(name, reason))
