"""What the tool does: sync, verify, pin."""

from dataclasses import dataclass
from pathlib import Path

from vendoring.archive import LICENCE_PREFIX, package_files
from vendoring.errors import Refused
from vendoring.manifest import NAME, Manifest, Release, sha256
from vendoring.placement import STAMP, Difference, differences, place, recover
from vendoring.source import obtain

_ACCEPTED_LICENCES = {"MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy"}
"""SPDX identifier to the words that it is known by."""


@dataclass(frozen=True)
class Checkout:
    """The places in a working copy that this tool reads and writes."""

    root: Path

    @property
    def release_file(self) -> Path:
        return self.root / "MOSHI_VERSION"

    @property
    def folder(self) -> Path:
        return self.root / "third_party" / NAME

    @property
    def manifest_file(self) -> Path:
        return self.folder / "UPSTREAM.json"

    def manifest(self) -> Manifest:
        """What is pinned.

        Raises:
            Refused: MOSHI_VERSION or UPSTREAM.json is unusable, or they are not about the same release.
        """
        manifest = Manifest.read(self.manifest_file)
        if Release.read(self.release_file) != manifest.release:
            raise Refused("MOSHI_VERSION and UPSTREAM.json name different releases; restore both from git")
        return manifest


def sync(checkout: Checkout, archive: Path | None, cache: Path, force: bool) -> str:
    """Places the pinned release; what stands already is not touched.

    Args:
        archive: take the release from this file, not from the cache or the index.
        force: throw local changes away.

    Returns:
        What was done, in a line.

    Raises:
        Refused: nothing was changed.
        OSError: see `placement.place`.
    """
    manifest, folder = checkout.manifest(), checkout.folder
    recover(folder)
    wrong = differences(folder, manifest.files)
    if not wrong and archive is None:
        return f"{NAME} {manifest.release.version} is up to date"
    if not force:
        _refuse_local_changes(folder, manifest)
    contents = package_files(obtain(manifest.release, archive, cache), _top(manifest.release))
    manifest.check(contents)
    if not wrong:
        return f"{NAME} {manifest.release.version} is up to date"
    place(folder, contents, manifest.text())
    return f"placed {NAME} {manifest.release.version}: {len(contents)} files"


def verify(checkout: Checkout) -> list[Difference]:
    """Compares what is placed with what is pinned. Changes nothing.

    Raises:
        Refused: what is pinned cannot be told.
    """
    return differences(checkout.folder, checkout.manifest().files)


def pin(checkout: Checkout, release: Release, archive: Path | None, cache: Path) -> str:
    """Writes MOSHI_VERSION and UPSTREAM.json for a release. Its commit is the caller's word, not checked.

    Returns:
        What was done, in a line.

    Raises:
        Refused: the archive cannot be had or used, or has a licence that was never accepted.
    """
    contents = package_files(obtain(release, archive, cache), _top(release))
    licences = {name: _licence(name, data) for name, data in contents.items() if name.startswith(LICENCE_PREFIX)}
    if not licences or licences.keys() == contents.keys():
        raise Refused(f"{release.archive} lacks the package {NAME} or its licence; is it the source archive?")
    manifest = Manifest(release, licences, {name: sha256(data) for name, data in contents.items()})
    checkout.manifest_file.write_text(manifest.text(), encoding="utf-8")
    checkout.release_file.write_text(release.text(), encoding="utf-8")
    return f"pinned {NAME} {release.version}; now put version and commit into third_party/moshi/pyproject.toml"


def _top(release: Release) -> str:
    return release.archive.removesuffix(".tar.gz")


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


def _licence(name: str, data: bytes) -> str:
    text = " ".join(data.decode(errors="replace").split())
    for identifier, words in _ACCEPTED_LICENCES.items():
        if words in text:
            return identifier
    raise Refused(f"{name} is not an accepted licence ({', '.join(_ACCEPTED_LICENCES)}); have it looked at")
