"""Back to an earlier pin, byte by byte, from git's history and the cache."""

from pathlib import Path

from vendoring import source
from vendoring.archive import read_archive
from vendoring.checkout import FOLDER, PATCHES, PIN_FILES, Checkout
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
        commit, target = _find(checkout, present, version)
        committed = checkout.committed("HEAD", *PIN_FILES, PATCHES, *LOCKS)
        pending = checkout.pins()[0][1] != present
        _refuse_other_changes(checkout, present, (*PIN_FILES, *LOCKS) if pending else PIN_FILES)
        before = checkout.committed(commit, *PIN_FILES, PATCHES, *LOCKS)
        for lock in LOCKS:
            if _is_renewed(checkout, commit, lock):
                before.pop(lock, None)
        patches = {name.removeprefix(PATCHES): data for name, data in before.items() if name.startswith(PATCHES)}
        files, metadata = read_archive(source.obtain(target.release, archive), target.release.archive)
        placed = apply(patches, files)
        target.check(placed)
        present_patches = {f"{PATCHES}{name}": data for name, data in checkout.patches().items()}
        locks = {name: (checkout.root / name).read_bytes() for name in LOCKS if name in before}
        for name, data in (present_patches | locks).items():
            if data not in (committed.get(name), before.get(name)):
                print(f"{name} was never committed; it is kept as {source.store(data)}")
        gone = [name for name in (*PIN_FILES, *present_patches) if name not in before]
        checkout.place(placed, target, dict.fromkeys(gone) | before)
    print(f"{NAME} {present.release.version} -> {target.release.version}: {len(placed)} files, as in {commit[:12]}")
    locked = checkout.root / "moshi" / "requirements.lock"
    for wrong in outdated_in(locked.read_text(), metadata) if locked.exists() else ():
        print(f"{wrong}: run make lock")


def _find(checkout: Checkout, present: Manifest, version: str | None) -> tuple[str, Manifest]:
    """The newest commit that has another pin, of that version if one is named."""
    earlier = [(commit, pin) for commit, pin in checkout.pins() if pin != present]
    for commit, pin in earlier:
        if version in (None, pin.release.version):
            return commit, pin
    known = ", ".join(dict.fromkeys(pin.release.version for _, pin in reversed(earlier))) or "none"
    wanted = f"{NAME} {version} is not recorded" if version else "there is nothing to go back to"
    advice = f"`update {version or 'VERSION'}` gets a release that is not"
    if checkout.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        advice = "this clone has only a part of the history: git fetch --unshallow"
    raise Refused(f"{wanted} (recorded: {known}); {advice}")


def _is_renewed(checkout: Checkout, commit: str, lock: str) -> bool:
    """Whether somebody has made a lock anew since a commit, apart from updates of Moshi."""
    changed = checkout.git("log", "--format=%H", f"{commit}..HEAD", "--", lock).decode().split()
    return not {*changed} <= {commit for commit, _ in checkout.pins()}


def _refuse_other_changes(checkout: Checkout, present: Manifest, own: tuple[str, ...]) -> None:
    # A rollback is for the changes of an update that nobody has committed yet.
    inside = (f"{FOLDER}/{NAME}/", f"{FOLDER}/LICENSE", PATCHES)
    other = [path for path in checkout.changed_paths() if path not in own and not path.startswith(inside)]
    if other:
        raise Refused(f"{other[0]} has changes that are not committed; commit or stash them first")
    if wrong := [item for item in checkout.differences(present) if item.kind != "missing"]:
        raise Refused(f"local changes in {FOLDER}: {wrong[0].kind} {wrong[0].path}; move them away, or sync --force")
