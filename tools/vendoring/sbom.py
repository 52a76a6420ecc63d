"""The bill of materials of the vendored code, as CycloneDX JSON: name, source, licence, files and patches."""

import io
import json
import tarfile
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vendoring.manifest import NAME, UNKNOWN, Manifest

_OURS = uuid.UUID("5f0c8f0b-1f3e-5a53-9c0d-6a0b3f6e2a77")


def bill_of_materials(manifest: Manifest, archive: bytes, patches: Mapping[str, bytes]) -> str:
    """The same bytes for the same pin.

    Args:
        archive: the release. The date of its newest member is the date of the bill, so that no clock decides.
        patches: our changes, by name.
    """
    release = manifest.release
    purl = f"pkg:pypi/{NAME}@{release.version}"
    source = f"https://github.com/kyutai-labs/moshi/tree/{release.commit}"
    component: dict[str, Any] = {
        **_hashed("library", purl, NAME, release.sha256),
        "version": release.version,
        "purl": purl,
        "supplier": {"name": "Kyutai"},
        "licenses": [{"license": {"id": identifier}} for identifier in sorted({*manifest.licences.values()})],
        "evidence": {
            "licenses": [
                {"license": {"name": f"{identifier} in {name}"}} for name, identifier in manifest.licences.items()
            ]
        },
        "properties": [{"name": "scenario6:archive", "value": release.archive}],
        "components": [_hashed("file", f"{purl}#{name}", name, digest) for name, digest in manifest.files.items()],
    }
    if release.commit != UNKNOWN:
        component["externalReferences"] = [{"type": "vcs", "url": source}]
    if patches:
        texts = [{"content": data.decode(errors="replace"), "contentType": "text/x-diff"} for data in patches.values()]
        component["pedigree"] = {
            "patches": [{"type": "unofficial", "diff": {"text": text}} for text in texts],
            "notes": f"applied in this order: {', '.join(patches)}",
        }
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_OURS, manifest.text())}",
        "version": 1,
        "metadata": {"timestamp": _date(archive, release.archive).isoformat()},
        "components": [component],
        "dependencies": [{"ref": purl}],
    }
    return json.dumps(bill, indent=2, sort_keys=True) + "\n"


def _hashed(kind: str, reference: str, name: str, digest: str) -> dict[str, Any]:
    return {"type": kind, "bom-ref": reference, "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


def _date(archive: bytes, name: str) -> datetime:
    if name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            return datetime(*max(member.date_time for member in wheel.infolist()), tzinfo=UTC)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return datetime.fromtimestamp(int(max(member.mtime for member in tar)), tz=UTC)
