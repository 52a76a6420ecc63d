"""What a release becomes here: the files to place and every tracked file that is made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vendoring import dependencies
from vendoring.archive import Upstream, read_archive
from vendoring.checkout import MANIFEST_FILE, PACKAGING_FILE, RELEASE_FILE, SBOM_FILE, Checkout
from vendoring.licences import identify
from vendoring.manifest import Manifest, Release, sha256
from vendoring.patches import apply
from vendoring.sbom import bill_of_materials
from vendoring.source import obtain


@dataclass(frozen=True)
class Pin:
    """
    Attributes:
        metadata: upstream's core metadata.
        placed: contents by path relative to third_party/moshi/, patches applied.
        written: contents of the tracked files that the tool writes, by path relative to the root.
    """

    manifest: Manifest
    metadata: str
    placed: Mapping[str, bytes]
    written: Mapping[str, bytes]

    @property
    def version(self) -> str:
        return self.manifest.release.version


def make_pin(release: Release, archive: bytes, patches: Mapping[str, bytes]) -> Pin:
    """The same pin for the same arguments.

    Raises:
        Refused: the archive is harmful, has a licence that was never accepted, or a patch does not apply.
    """
    upstream: Upstream = read_archive(archive, release.archive)
    declared = dependencies.declared_licence(upstream.metadata)
    licences = identify(upstream.files, declared, release.archive)
    placed = apply(patches, upstream.files)
    manifest = Manifest(
        release,
        licences,
        {name: sha256(data) for name, data in placed.items()},
        {name: sha256(data) for name, data in patches.items()},
    )
    texts = {
        RELEASE_FILE: release.text(),
        MANIFEST_FILE: manifest.text(),
        PACKAGING_FILE: dependencies.packaging(release, upstream.metadata, licences),
        SBOM_FILE: bill_of_materials(manifest, archive, patches),
    }
    return Pin(manifest, upstream.metadata, placed, {name: text.encode() for name, text in texts.items()})


def current_pin(checkout: Checkout, cache: Path) -> Pin:
    """The pin that the checkout has, made again from its archive.

    Raises:
        Refused: the archive cannot be had, or makes something else than the manifest says.
    """
    manifest = checkout.manifest()
    pin = make_pin(manifest.release, obtain(manifest.release, None, cache), checkout.patches())
    manifest.check(pin.placed)
    return pin


def not_as_made(checkout: Checkout, pin: Pin) -> list[str]:
    """Tracked files that are not what the tool writes for the pin."""
    wrong = []
    for name, data in pin.written.items():
        path = checkout.root / name
        if not path.is_file() or path.read_bytes() != data:
            wrong.append(name)
    return wrong
