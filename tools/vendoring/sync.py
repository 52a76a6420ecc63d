"""Places what is pinned, and compares. Standard library only: set-up begins with it."""

from pathlib import Path

from vendoring.archive import read_archive
from vendoring.checkout import Checkout
from vendoring.errors import Refused
from vendoring.manifest import NAME, Manifest
from vendoring.patches import apply
from vendoring.placement import STAMP, Difference, differences, swap
from vendoring.source import obtain


def sync(checkout: Checkout, archive: Path | None, cache: Path, force: bool) -> str:
    """Places the pinned release; what stands already is not touched.

    Args:
        archive: take the release from this file, not from the cache or the index.
        force: throw local changes away.

    Returns:
        What was done, in a line.

    Raises:
        Refused: nothing was changed.
        OSError: see `placement.swap`.
    """
    with checkout.alone():
        manifest = checkout.manifest()
        wrong = differences(checkout.folder, manifest.files)
        if not wrong and archive is None:
            return f"{NAME} {manifest.release.version} is up to date"
        if not force:
            _refuse_local_changes(checkout.folder, manifest)
        files = read_archive(obtain(manifest.release, archive, cache), manifest.release.archive).files
        contents = apply(checkout.patches(), files)
        manifest.check(contents)
        if not wrong:
            return f"{NAME} {manifest.release.version} is up to date"
        swap(checkout.root, contents, manifest.text())
        return f"placed {NAME} {manifest.release.version}: {len(contents)} files"


def verify(checkout: Checkout) -> list[Difference]:
    """Compares what is placed with what is pinned. Changes nothing.

    Raises:
        Refused: what is pinned cannot be told.
    """
    return differences(checkout.folder, checkout.manifest().files)


def _refuse_local_changes(folder: Path, manifest: Manifest) -> None:
    stamp = folder / STAMP
    placed = Manifest.read(stamp) if stamp.exists() else manifest
    # A missing file is no work to lose.
    local = [difference for difference in differences(folder, placed.files) if difference.kind != "missing"]
    if local:
        more = f" and {len(local) - 1} more" if len(local) > 1 else ""
        raise Refused(
            f"local changes in {folder}: {local[0].kind} {local[0].path}{more}; "
            "move them away, or throw them away with sync --force"
        )
