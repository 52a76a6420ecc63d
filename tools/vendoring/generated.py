"""The tracked files that are made from a release: the pin, our packaging, the bill of materials."""

import io
import json
import re
import tomllib
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string

from cyclonedx.model import AttachedText, ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType, Diff, Patch, PatchClassification, Pedigree
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vendoring import errors
from vendoring.archive import read_archive
from vendoring.checkout import Checkout
from vendoring.patches import apply
from vendoring.pin import FOLDER, MANIFEST_FILE, NAME, RELEASE_FILE, UNKNOWN, Manifest, Refused, Release, sha256

PACKAGING_FILE = f"{FOLDER}/pyproject.toml"
SBOM_FILE = f"{FOLDER}/sbom.cdx.json"
GENERATED = (RELEASE_FILE, MANIFEST_FILE, PACKAGING_FILE, SBOM_FILE)

ACCEPTED_LICENCES = {"MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy"}
"""SPDX identifier to words of the licence's text. Add another licence here once somebody has read it."""

_REPOSITORY = "https://github.com/kyutai-labs/moshi"


@dataclass(frozen=True)
class Pin:
    """
    Attributes:
        placed: contents by path relative to third_party/moshi/, patches applied.
        generated: contents of the files of `GENERATED`, by path relative to the root.
    """

    manifest: Manifest
    placed: Mapping[str, bytes]
    generated: Mapping[str, bytes]


def make_pin(checkout: Checkout, release: Release, archive: bytes) -> Pin:
    """The pin of a release with the patches of the checkout: always the same for the same.

    Raises:
        Refused: the archive is harmful, has a licence that was never accepted, or a patch does not apply.
    """
    files, metadata = read_archive(archive)
    patches = checkout.patches()
    licences = _licences(files, metadata)
    placed = apply(patches, files)
    hashes = [{name: sha256(data) for name, data in files.items()} for files in (patches, placed)]
    manifest = Manifest(release, licences, *hashes)
    packaging = _packaging((checkout.root / PACKAGING_FILE).read_text(encoding="utf-8"), release, metadata)
    texts = (release.text(), manifest.text(), packaging, _bill_of_materials(manifest, archive, patches))
    return Pin(manifest, placed, {name: text.encode() for name, text in zip(GENERATED, texts, strict=True)})


def _licences(files: Mapping[str, bytes], metadata: str) -> dict[str, str]:
    """The SPDX identifier of each licence file."""
    message = message_from_string(metadata)
    declared = message.get("License-Expression") or message.get("License")
    if declared and declared not in ACCEPTED_LICENCES:
        raise Refused(errors.licence_file(declared, ", ".join(ACCEPTED_LICENCES)))
    licences: dict[str, str] = {}
    for name in (name for name in files if "/" not in name):
        text = " ".join(files[name].decode(errors="replace").split())
        known = [identifier for identifier, words in ACCEPTED_LICENCES.items() if words in text]
        if not known:
            raise Refused(errors.licence_file(name, ", ".join(ACCEPTED_LICENCES)))
        licences[name] = known[0]
    if not licences or licences.keys() == files.keys():
        raise Refused(errors.archive_incomplete())
    return licences


def _packaging(text: str, release: Release, metadata: str) -> str:
    """Our pyproject.toml for the release: the present one with upstream's version ranges.

    Args:
        text: the present one. Its `left-out` names the dependencies that we do not take.
    """
    message = message_from_string(metadata)
    left_out = tomllib.loads(text)["tool"]["update_moshi"]["left-out"]
    try:
        requirements = [Requirement(line) for line in message.get_all("Requires-Dist", [])]
    except InvalidRequirement as error:
        raise Refused(errors.dependency_malformed(str(error).partition("\n")[0])) from None
    taken = [item for item in requirements if canonicalize_name(item.name) not in left_out]
    values = {
        "version": release.version,
        "requires-python": message.get("Requires-Python", ""),
        "dependencies": sorted(str(item) for item in taken if "extra ==" not in str(item.marker)),
        "Source": _REPOSITORY if release.commit == UNKNOWN else f"{_REPOSITORY}/tree/{release.commit}",
    }
    for key, value in values.items():
        # A text, or a list with an item a line.
        present = re.search(rf'^{key} = (".*"|\[\n(    .*\n)*\])$', text, re.MULTILINE)
        if present:
            text = text.replace(present[0], f"{key} = {json.dumps(value, indent=4)}", 1)
    return text


def _bill_of_materials(manifest: Manifest, archive: bytes, patches: Mapping[str, bytes]) -> str:
    """The vendored code as CycloneDX JSON: source, licences, files and patches."""
    release = manifest.release
    purl = PackageURL("pypi", None, NAME, release.version)
    moshi = Component(
        type=ComponentType.LIBRARY,
        name=NAME,
        version=release.version,
        purl=purl,
        bom_ref=str(purl),
        supplier=OrganizationalEntity(name="Kyutai"),
        licenses=[DisjunctiveLicense(id=identifier) for identifier in {*manifest.licences.values()}],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=release.sha256)],
        components=[
            Component(
                type=ComponentType.FILE,
                name=name,
                bom_ref=f"{purl}#{name}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            for name, digest in manifest.files.items()
        ],
    )
    if release.commit != UNKNOWN:
        tree = XsUri(f"{_REPOSITORY}/tree/{release.commit}")
        moshi.external_references.add(ExternalReference(type=ExternalReferenceType.VCS, url=tree))
    if patches:
        texts = [
            AttachedText(content=data.decode(errors="replace"), content_type="text/x-diff") for data in patches.values()
        ]
        ours = [Patch(type=PatchClassification.UNOFFICIAL, diff=Diff(text=text)) for text in texts]
        moshi.pedigree = Pedigree(patches=ours, notes=f"applied in this order: {', '.join(patches)}")
    bill = Bom(components=[moshi], serial_number=uuid.uuid5(uuid.NAMESPACE_URL, manifest.text()))
    # The date of the archive's newest member, so that no clock decides.
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        bill.metadata.timestamp = datetime(*max(member.date_time for member in wheel.infolist()), tzinfo=UTC)
    return JsonV1Dot6(bill).output_as_string(indent=2) + "\n"
