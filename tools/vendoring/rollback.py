"""Back to an earlier pin, byte by byte, from git's history."""

from contextlib import suppress
from pathlib import Path

from vendoring import errors
from vendoring.checkout import PATCHES, Checkout
from vendoring.generated import GENERATED
from vendoring.pin import FOLDER, MANIFEST_FILE, NAME, Manifest, Refused
from vendoring.source import obtain


def rollback(checkout: Checkout, version: str | None = None, archive: Path | None = None) -> None:
    """Restores the generated files and the patches of an earlier pin, and places its release.

    Args:
        version: None undoes an update that is not committed, or else goes to the pin before this one.
        archive: take the release from this file, not from the cache or the index.

    Raises:
        Refused: there is no such pin, its archive cannot be had, or there are changes that it would mix with.
            Nothing was changed.
        OSError: the disk failed; run it again.
    """
    checkout.refuse_changes(*GENERATED, f"{FOLDER}/{NAME}/", f"{FOLDER}/LICENSE")
    checkout.refuse_local_changes()
    present = checkout.manifest()
    commit, target = _find(checkout, present, version)
    obtain(target.release, archive)
    # A path that the commit does not have is removed.
    paths = (
        checkout.git("diff", "--name-only", "--no-renames", "-z", commit, "--", *GENERATED, PATCHES)
        .decode()
        .split("\0")
    )
    checkout.git("restore", f"--source={commit}", "--", *filter(None, paths))
    print(checkout.sync(archive))
    change = f"{present.release.version} -> {target.release.version}"
    print(f"{NAME} {change}, as in {commit[:12]}. To finish: make lock && make setup")


def _find(checkout: Checkout, present: Manifest, version: str | None) -> tuple[str, Manifest]:
    """The newest commit with another pin, of that version if one is named."""
    known: list[str] = []
    for commit in checkout.git("log", "--format=%H", "--", MANIFEST_FILE).decode().split():
        with suppress(Refused):  # it is absent there, or has another form
            pin = Manifest.parse(checkout.git("show", f"{commit}:{MANIFEST_FILE}"))
            if pin != present and version in (None, pin.release.version):
                return commit, pin
            known.append(pin.release.version)
    wanted = f"{NAME} {version} is not recorded" if version else "there is nothing to go back to"
    advice = f"`update {version or 'VERSION'}` gets a release that is not"
    if checkout.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        advice = "this clone has only a part of the history: git fetch --unshallow"
    raise Refused(errors.pin_not_recorded(wanted, ", ".join(dict.fromkeys(known)) or "none", advice))
