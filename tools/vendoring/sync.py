"""Places the pin, and compares. Standard library only: set-up begins with it."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vendoring import errors
from vendoring.archive import is_licence, is_vendored, read_archive
from vendoring.checkout import Checkout
from vendoring.manifest import NAME, Refused
from vendoring.source import obtain
from vendoring.swap import write_tree


def sync(checkout: Checkout, archive: Path | None, force: bool) -> str:
    """Places the pinned release. Files that are as pinned are not touched.

    Args:
        archive: take the release from this file, not from the cache or the index.
        force: throw local changes away.

    Returns:
        one line about the work that was done.

    Raises:
        Refused: nothing was changed.
        OSError: see `swap`.
    """
    with checkout.alone():
        manifest = checkout.manifest()
        release = manifest.release
        wrong = checkout.differences(manifest)
        if wrong and not force and (local := checkout.local_changes(manifest)):
            more = f" and {len(local) - 1} more" if len(local) > 1 else ""
            raise Refused(errors.local_changes(checkout.folder, f"{local[0].kind} {local[0].path}{more}"))
        if wrong or archive is not None:
            contents = apply(checkout.patches(), read_archive(obtain(release, archive), release.archive)[0])
            manifest.check(contents)
        if not wrong:
            return f"{NAME} {release.version} is up to date"
        checkout.place(contents, manifest)
        return f"placed {NAME} {release.version}: {len(contents)} files"


def apply(patches: Mapping[str, bytes], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after all patches, which git applies without fuzz.

    Args:
        patches: unified diffs by name; their paths are relative to third_party/moshi/, after the usual `a/`, `b/`.
        files: contents by path.

    Raises:
        Refused: a patch does not apply (every place that does not fit is named), or it changes something else than the
            package.
    """
    if not patches:
        return dict(files)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "tree")
        write_tree(folder, files)
        for name, patch in patches.items():
            _git_apply(name, patch, folder)
        result = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        for name, path in sorted(result.items()):
            if path.is_symlink() or not is_vendored(name):
                raise Refused(errors.patch_makes_file(name))
        patched = {name: path.read_bytes() for name, path in result.items()}
    for name in sorted(patched.keys() | files.keys()):
        if is_licence(name) and patched.get(name) != files.get(name):
            raise Refused(errors.patch_changes_licence(name))
    return patched


def _git_apply(name: str, patch: bytes, folder: Path) -> None:
    # The folder is no repository. Neither a repository around it nor the user's configuration changes the result.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }
    try:
        # With --reject git tries every hunk, and names every one that does not fit.
        command = ["git", "apply", "--whitespace=nowarn", "--reject"]
        ran = subprocess.run(command, cwd=folder, env=environment, input=patch, capture_output=True, check=False)
    except OSError as error:
        raise Refused(errors.git_missing_for_patches(error.strerror)) from None
    if ran.returncode != 0:
        places = re.findall(
            r"^error: (?!while searching)(?:patch failed: )?(.+)$", ran.stderr.decode(errors="replace"), re.MULTILINE
        )
        where = ", ".join(dict.fromkeys(places)) or "git apply says no"
        raise Refused(errors.patch_does_not_apply(name, where))
