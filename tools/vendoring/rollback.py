"""Back to a pin that was left, byte by byte."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vendoring import dependencies, history
from vendoring.archive import read_archive
from vendoring.checkout import HISTORY_FILE, MANIFEST_FILE, PATCHES, Checkout
from vendoring.errors import Refused
from vendoring.history import Entry
from vendoring.manifest import NAME, Manifest, sha256
from vendoring.patches import apply
from vendoring.placement import FOLDER, differences, swap
from vendoring.source import obtain, store


@dataclass(frozen=True)
class Rollback:
    """
    Attributes:
        version: None for the pin before this one.
        archive: take the release from this file, not from the cache or the index.
    """

    version: str | None
    archive: Path | None


def rollback(checkout: Checkout, request: Rollback, cache: Path, say: Callable[[str], None]) -> None:
    """Restores a recorded pin: its files, its patches, and the locks that updates since then made anew.

    A lock that somebody has made anew after that is left alone.

    Raises:
        Refused: there is no such pin, something of it cannot be had, or there are changes that it would mix with.
            Nothing was changed.
        OSError: see `placement.swap`.
    """
    with checkout.alone():
        present = checkout.manifest()
        entries = history.read(checkout)
        depth = _find(entries, request.version)
        target = entries[depth]
        mine = {path for path in checkout.changed_paths() if path.startswith(f"{PATCHES}/")}
        _refuse_other_changes(checkout, present, entries)
        files = {name: history.content(checkout, cache, name, digest) for name, digest in target.files.items()}
        locks = _locks(checkout, cache, entries[depth:])
        manifest = Manifest.parse(files[MANIFEST_FILE].decode())
        patches = {Path(name).name: data for name, data in sorted(files.items()) if name.startswith(f"{PATCHES}/")}
        upstream = read_archive(obtain(target.release, request.archive, cache), target.release.archive)
        placed = apply(patches, upstream.files)
        manifest.check(placed)
        leaving = [name for name in _tracked(checkout) if name not in files]
        for name in (*leaving, *files):
            if (path := checkout.root / name).is_file():
                store(cache, data := path.read_bytes())
                if name in mine and files.get(name) != data:
                    say(f"{name} was never committed; it is kept as {cache / sha256(data)}")
        written = {**files, **locks, HISTORY_FILE: history.text(entries[:depth]).encode()}
        swap(checkout.root, placed, manifest.text(), written, leaving)
    say(f"{NAME} {present.release.version} -> {target.release.version}: {len(placed)} files, as recorded")
    lock = checkout.root / "moshi" / "requirements.lock"
    for wrong in dependencies.outdated_in(lock.read_text(), upstream.metadata) if lock.exists() else ():
        say(f"{wrong}: run make lock")


def _find(entries: list[Entry], version: str | None) -> int:
    for index in range(len(entries) - 1, -1, -1):
        if version in (None, entries[index].release.version):
            return index
    known = ", ".join(entry.release.version for entry in entries) or "none yet"
    wanted = f"{NAME} {version} is not recorded" if version else "there is nothing to go back to"
    raise Refused(f"{wanted} (recorded: {known}); `update {version or 'VERSION'}` gets a release that is not")


def _tracked(checkout: Checkout) -> list[str]:
    patches = [f"{PATCHES}/{name}" for name in checkout.patches()]
    return [name for name in (*history.pin_files(), *patches) if (checkout.root / name).exists()]


def _refuse_other_changes(checkout: Checkout, present: Manifest, entries: list[Entry]) -> None:
    # What the update itself changed and nobody committed yet is what a rollback is for.
    own = {*history.pin_files(), HISTORY_FILE, *(name for entry in entries for name in entry.locks)}
    inside = (f"{FOLDER}/{NAME}/", f"{FOLDER}/LICENSE", f"{PATCHES}/")
    other = [path for path in checkout.changed_paths() if path not in own and not path.startswith(inside)]
    if other:
        raise Refused(f"{other[0]} has changes that are not committed; commit or stash them first")
    if wrong := [item for item in differences(checkout.folder, present.files) if item.kind != "missing"]:
        raise Refused(f"local changes in {FOLDER}: {wrong[0].kind} {wrong[0].path}; move them away, or sync --force")


def _locks(checkout: Checkout, cache: Path, entries: list[Entry]) -> dict[str, bytes]:
    restored: dict[str, bytes] = {}
    for entry in reversed(entries):
        for name, lock in entry.locks.items():
            if sha256(restored.get(name) or (checkout.root / name).read_bytes()) == lock.after:
                restored[name] = history.content(checkout, cache, name, lock.before)
    return restored
