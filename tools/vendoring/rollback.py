"""Back to an earlier pin, byte by byte, from git's history and the cache."""

from pathlib import Path

from vendoring import errors, source
from vendoring.archive import read_archive
from vendoring.checkout import FOLDER, MANIFEST_FILE, PATCHES, PIN_FILES, Checkout, patches_in
from vendoring.made import outdated_in
from vendoring.manifest import NAME, Manifest, Refused
from vendoring.sync import apply
from vendoring.trial import LOCKS


def rollback(checkout: Checkout, version: str | None = None, archive: Path | None = None) -> None:
    """Restores the files of an earlier pin: its own, its patches, and the locks that updates since then made.

    Args:
        version: None undoes an update that is not committed, or else goes to the pin before this one.
        archive: take the release from this file, not from the cache or the index.

    Raises:
        Refused: there is no such pin, a file of it cannot be had, or there are changes that it would mix with.
            Nothing was changed.
        OSError: see `swap`.
    """
    with checkout.alone():
        present = checkout.manifest()
        pins = checkout.pins()
        commit, target = _find(checkout, [pin for pin in pins if pin[1] != present], version)
        committed = checkout.committed("HEAD", *PIN_FILES, PATCHES, *LOCKS)
        pending = pins[0][1] != present
        _refuse_other_changes(checkout, present, (*PIN_FILES, *LOCKS) if pending else PIN_FILES)
        # The last commit of that pin has the locks of its time.
        place = pins.index((commit, target))
        last = f"{pins[place - 1][0]}^" if place else "HEAD"
        if checkout.committed(last, MANIFEST_FILE) != checkout.committed(commit, MANIFEST_FILE):
            last = commit  # branches were merged
        before = checkout.committed(last, *PIN_FILES, PATCHES, *LOCKS)
        for lock in LOCKS:
            changes = checkout.git("log", "--format=%H", f"{last}..HEAD", "--", lock).decode().split()
            # Somebody has made it anew since then, apart from updates of Moshi.
            if not {*changes} <= {update for update, _ in pins}:
                before.pop(lock, None)
        files, metadata = read_archive(source.obtain(target.release, archive), target.release.archive)
        placed = apply(patches_in(before), files)
        target.check(placed)
        present_patches = {f"{PATCHES}{name}": data for name, data in checkout.patches().items()}
        locks = {
            name: (checkout.root / name).read_bytes()
            for name in LOCKS
            if name in before and (checkout.root / name).exists()
        }
        for name, data in (present_patches | locks).items():
            if data not in (committed.get(name), before.get(name)):
                print(f"{name} was never committed; it is kept as {source.store(data)}")
        gone = [name for name in (*PIN_FILES, *present_patches) if name not in before]
        checkout.place(placed, target, dict.fromkeys(gone) | before)
    print(f"{NAME} {present.release.version} -> {target.release.version}: {len(placed)} files, as in {commit[:12]}")
    locked = checkout.root / "moshi" / "requirements.lock"
    for wrong in outdated_in(locked.read_text(), metadata) if locked.exists() else ():
        print(f"{wrong}: run make lock")


def _find(checkout: Checkout, earlier: list[tuple[str, Manifest]], version: str | None) -> tuple[str, Manifest]:
    """The newest of the earlier pins, of that version if one is named."""
    for commit, pin in earlier:
        if version in (None, pin.release.version):
            return commit, pin
    known = ", ".join(dict.fromkeys(pin.release.version for _, pin in reversed(earlier))) or "none"
    wanted = f"{NAME} {version} is not recorded" if version else "there is nothing to go back to"
    advice = f"`update {version or 'VERSION'}` gets a release that is not"
    if checkout.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        advice = "this clone has only a part of the history: git fetch --unshallow"
    raise Refused(errors.pin_not_recorded(wanted, known, advice))


def _refuse_other_changes(checkout: Checkout, present: Manifest, own: tuple[str, ...]) -> None:
    # A rollback is for the changes of an update that nobody has committed yet.
    inside = (f"{FOLDER}/{NAME}/", f"{FOLDER}/LICENSE", PATCHES)
    other = [path for path in checkout.changed_paths() if path not in own and not path.startswith(inside)]
    if other:
        raise Refused(errors.uncommitted_changes(other[0]))
    if wrong := [item for item in checkout.differences(present) if item.kind != "missing"]:
        raise Refused(errors.local_changes_before_rollback(FOLDER, f"{wrong[0].kind} {wrong[0].path}"))
