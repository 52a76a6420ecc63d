"""The bill of materials of what is vendored, as CycloneDX JSON: what, from where, under which licence, changed how."""

import io
import json
import tarfile
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

from cyclonedx.model import (
    AttachedText,
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import (
    Component,
    ComponentType,
    Diff,
    Patch,
    PatchClassification,
    Pedigree,
)
from cyclonedx.model.component_evidence import ComponentEvidence
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from vendoring.manifest import NAME, UNKNOWN, Manifest

_OURS = uuid.UUID("5f0c8f0b-1f3e-5a53-9c0d-6a0b3f6e2a77")


def bill_of_materials(manifest: Manifest, archive: bytes, patches: Mapping[str, bytes]) -> str:
    """The same bytes for the same pin.

    Args:
        archive: the release; its newest member's date is the bill's, so that no clock decides.
        patches: what we changed, by name.
    """
    release = manifest.release
    purl = PackageURL("pypi", None, NAME, release.version)
    source = None if release.commit == UNKNOWN else f"https://github.com/kyutai-labs/moshi/tree/{release.commit}"
    component = Component(
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        name=NAME,
        version=release.version,
        supplier=OrganizationalEntity(name="Kyutai"),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=release.sha256)],
        licenses=[DisjunctiveLicense(id=identifier) for identifier in sorted({*manifest.licences.values()})],
        evidence=ComponentEvidence(
            licenses=[
                DisjunctiveLicense(name=f"{identifier} in {name}") for name, identifier in manifest.licences.items()
            ]
        ),
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(source))] if source else [],
        pedigree=_pedigree(patches) if patches else None,
        properties=[Property(name="scenario6:archive", value=release.archive)],
        components=[
            Component(
                type=ComponentType.FILE,
                bom_ref=f"{purl}#{path}",
                name=path,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            for path, digest in manifest.files.items()
        ],
    )
    text = manifest.text()
    bom = Bom(
        serial_number=uuid.uuid5(_OURS, text),
        metadata=BomMetaData(timestamp=_date(archive, release.archive)),
        components=[component],
        dependencies=[Dependency(component.bom_ref)],
    )
    written = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    return json.dumps(json.loads(written), indent=2, sort_keys=True) + "\n"


def _pedigree(patches: Mapping[str, bytes]) -> Pedigree:
    return Pedigree(
        patches=[
            Patch(
                type=PatchClassification.UNOFFICIAL,
                diff=Diff(text=AttachedText(content=data.decode(errors="replace"), content_type="text/x-diff")),
            )
            for data in patches.values()
        ],
        notes=f"applied in this order: {', '.join(patches)}",
    )


def _date(archive: bytes, name: str) -> datetime:
    if name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            return datetime(*max(member.date_time for member in wheel.infolist()), tzinfo=UTC)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return datetime.fromtimestamp(int(max(member.mtime for member in tar)), tz=UTC)
