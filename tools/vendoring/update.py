"""From one release to another, in one change that is ready to be committed."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from email import message_from_string
from pathlib import Path

from vendoring import errors, source
from vendoring.api import breaking_changes
from vendoring.archive import read_archive
from vendoring.checkout import PATCHES, Checkout
from vendoring.generated import make_pin
from vendoring.patches import write_tree
from vendoring.pin import NAME, UNKNOWN, Refused, Release, sha256
from vendoring.report import report

TRIAL = ("tests/contract/moshi/test_tokens.py", "tests/contract/moshi/test_model.py")
"""The first has the recorded tokens of the tests' random model."""


def try_out(checkout: Checkout, folder: Path) -> list[str]:
    """Runs the contract tests of the model with a release that is not placed yet.

    Args:
        folder: has the release's package.

    Returns:
        the failures, a line each.
    """
    # The folder comes before the Moshi that the environment has installed.
    settings = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "NO_TORCH_COMPILE": "1", "COLUMNS": "1000"}
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", *TRIAL]
    ran = subprocess.run(command, cwd=checkout.root, env=os.environ | settings, capture_output=True, text=True)
    end = ((ran.stdout + ran.stderr).strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
    failed = re.findall(r"^(?:FAILED|ERROR) (.*)$", ran.stdout, re.MULTILINE) or ([end] if ran.returncode else [])
    print("\n".join(f"- {line}" for line in (*failed, end)))
    return failed


def update(
    checkout: Checkout,
    *,
    version: str | None = None,
    archive: Path | None = None,
    digest: str | None = None,
    commit: str | None = None,
    accept: bool = False,
    try_out: Callable[[Checkout, Path], list[str]] = try_out,
) -> None:
    """Pins and places a release, or leaves everything as it was.

    Args:
        version: None for the index's latest, or for that of `archive`.
        archive: take the release from this file, not from the index.
        digest: the SHA-256 that it must have, if the caller knows it.
        commit: upstream's commit of it, if the caller knows it.
        accept: go on though the used API, tokens or contract tests are not as before.

    Raises:
        Refused: nothing was changed.
        OSError: the disk failed; `rollback` goes back.
    """
    checkout.refuse_changes(PATCHES)
    checkout.sync()
    release, data = _find(checkout.manifest().release, version, archive, digest, commit)
    after = make_pin(checkout, release, data)
    if all((checkout.root / name).read_bytes() == data for name, data in after.generated.items()):
        print(f"{NAME} {release.version} is what is pinned")
        return
    with tempfile.TemporaryDirectory() as scratch:
        write_tree(Path(scratch), after.placed)
        breaking = breaking_changes(checkout.root / "moshi" / "src", checkout.folder, Path(scratch))
        print(report(checkout, after, breaking))
        if breaking and not accept:
            raise Refused(errors.release_differs(", ".join(breaking)))
        print("\nTrying it with the contract tests: a minute or two ...", flush=True)
        failures = try_out(checkout, Path(scratch))
        if failures and not accept:
            raise Refused(errors.release_differs("; ".join(failures)))
    write_tree(checkout.root, after.generated)
    checkout.place(after.placed, after.manifest)
    print(
        f"{NAME} {release.version} is placed. To finish: make lock && make setup && make test, then\n"
        f'    git add --all && git commit -m "Moshi {release.version}"\n'
        "or back to the pin before: tools/update_moshi.sh rollback"
    )


def _find(
    present: Release, version: str | None, archive: Path | None, digest: str | None, commit: str | None
) -> tuple[Release, bytes]:
    """The release and its archive, which is then in the cache.

    Raises:
        Refused: it cannot be had, or is another one than the caller or the pin says.
    """
    if archive is not None:
        data = archive.read_bytes()
    elif version == present.version:
        data = source.obtain(present)
    else:
        data = source.download(f"=={version}" if version else "")
    inside = message_from_string(read_archive(data)[1]).get("Version", "")
    if version not in (None, inside):
        raise Refused(errors.archive_of_another_release(inside, version))
    same = inside == present.version
    for wanted in (digest, present.sha256 if same else None):
        if wanted not in (None, sha256(data)):
            raise Refused(errors.archive_differs(f"{NAME} {inside}", sha256(data), wanted))
    source.store(data)
    commit = commit or (present.commit if same else UNKNOWN)
    return Release(inside, commit, f"{NAME}-{inside}-py3-none-any.whl", sha256(data)), data
