"""The files that a release becomes here: the placed ones, and every tracked file that is made from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vendoring import errors
from vendoring.archive import is_licence, read_archive
from vendoring.checkout import MANIFEST_FILE, PACKAGING_FILE, RELEASE_FILE, SBOM_FILE, Checkout
from vendoring.manifest import UNKNOWN, Manifest, Refused, Release, sha256
from vendoring.sbom import bill_of_materials
from vendoring.source import obtain
from vendoring.sync import apply

ACCEPTED_LICENCES = {"MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy"}
"""SPDX identifier to words of the licence's text. Add another licence here once somebody has read it."""

LEFT_OUT = {
    "aiohttp": "its own server and client",
    "sounddevice": "its own client",
    "bitsandbytes": "its 8-bit weights",
    "tqdm": "its text-to-speech",
    "pytest": "its tests, which older releases asked for",
}
"""Upstream's dependencies that we do not take, and their use."""

REPOSITORY = "https://github.com/kyutai-labs/moshi"
_PACKAGING = """\
# Our packaging of upstream's package, written by tools/update_moshi.sh. The version ranges are upstream's.
# Left out is what we do not run:
{left_out}
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "moshi"
version = "{version}"
description = "Moshi by Kyutai, vendored: see README.md"
readme = "README.md"
requires-python = "{python}"
license = "{licence}"
license-files = [{licence_files}]
dependencies = [
{dependencies}]

[project.urls]
# Its last part is the commit, if it is known: the backend reads it from the installed metadata.
Source = "{source}"

[tool.hatch.build.targets.wheel]
packages = ["moshi"]
# Hatchling leaves out what git ignores, and git ignores the whole package.
ignore-vcs = true
"""


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

    def not_as_made(self, checkout: Checkout) -> list[str]:
        """The tracked files of a checkout that are not as the tool writes them for this pin."""
        paths = {name: checkout.root / name for name in self.written}
        return [
            name for name, path in paths.items() if not path.is_file() or path.read_bytes() != self.written[name]
        ]  # fmt: skip


def make_pin(release: Release, archive: bytes, patches: Mapping[str, bytes]) -> Pin:
    """The same pin for the same arguments.

    Raises:
        Refused: the archive is harmful, has a licence that was never accepted, or a patch does not apply.
    """
    files, metadata = read_archive(archive, release.archive)
    licences = _licences(files, declared_licence(metadata), release.archive)
    placed = apply(patches, files)
    hashes = [{name: sha256(data) for name, data in files.items()} for files in (patches, placed)]
    manifest = Manifest(release, licences, *hashes)
    texts = {
        RELEASE_FILE: release.text(),
        MANIFEST_FILE: manifest.text(),
        PACKAGING_FILE: packaging(release, metadata, licences),
        SBOM_FILE: bill_of_materials(manifest, archive, patches),
    }
    return Pin(manifest, metadata, placed, {name: text.encode() for name, text in texts.items()})


def current_pin(checkout: Checkout) -> Pin:
    """The checkout's pin, made again from its archive.

    Raises:
        Refused: the archive cannot be had, or the manifest disagrees with it.
    """
    manifest = checkout.manifest()
    pin = make_pin(manifest.release, obtain(manifest.release), checkout.patches())
    manifest.check(pin.placed)
    return pin


def _licences(files: Mapping[str, bytes], declared: str | None, archive: str) -> dict[str, str]:
    """The licence files of a release and the SPDX identifier of each."""
    accepted = ", ".join(ACCEPTED_LICENCES)
    licences: dict[str, str] = {}
    for name in (name for name in files if is_licence(name)):
        text = " ".join(files[name].decode(errors="replace").split())
        known = [identifier for identifier, words in ACCEPTED_LICENCES.items() if words in text]
        if not known:
            raise Refused(errors.licence_file(name, accepted))
        licences[name] = known[0]
    if not licences or licences.keys() == files.keys():
        raise Refused(errors.archive_incomplete(archive))
    if declared and declared not in ACCEPTED_LICENCES:
        raise Refused(errors.licence_declared(archive, declared, accepted))
    return licences


def declared_licence(metadata: str) -> str | None:
    """The licence that the metadata declares: an SPDX expression where it uses the newer field."""
    message = message_from_string(metadata)
    return message.get("License-Expression") or message.get("License")


def requirements(metadata: str) -> dict[str, str]:
    """Upstream's version ranges by name, markers included, without those of extras.

    Raises:
        Refused: one cannot be understood.
    """
    ranges: dict[str, str] = {}
    for line in message_from_string(metadata).get_all("Requires-Dist", []):
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise Refused(errors.dependency_malformed(line, error)) from None
        if "extra ==" in (marker := str(requirement.marker or "")):
            continue
        order = sorted(requirement.specifier, key=lambda part: (part.operator not in (">=", "=="), str(part)))
        text = ",".join(map(str, order)) + (f"; {marker}" if marker else "")
        name = canonicalize_name(requirement.name)
        ranges[name] = f"{ranges[name]} | {text}" if name in ranges else text
    return ranges


def python_range(metadata: str) -> str:
    """The Python versions that the release is for."""
    text = str(message_from_string(metadata).get("Requires-Python", ""))
    return ",".join(sorted((part.strip() for part in text.split(",")), key=lambda part: part[:2] != ">="))


def packaging(release: Release, metadata: str, licences: Mapping[str, str]) -> str:
    """Our pyproject.toml for the release."""
    ranges = requirements(metadata)
    taken = {name: text.replace('"', "'") for name, text in sorted(ranges.items()) if name not in LEFT_OUT}
    return _PACKAGING.format(
        left_out="\n".join(f"#   {name}: {use}" for name, use in LEFT_OUT.items() if name in ranges),
        version=release.version,
        python=python_range(metadata),
        licence=" AND ".join(sorted({*licences.values()})),
        licence_files=", ".join(f'"{name}"' for name in sorted(licences)),
        dependencies="".join(f'    "{name}{text}",\n' for name, text in taken.items()),
        source=REPOSITORY if release.commit == UNKNOWN else f"{REPOSITORY}/tree/{release.commit}",
    )


def outdated_in(lock: str, metadata: str) -> list[str]:
    """The requirements of a release that a lock does not fulfil, a phrase each.

    Args:
        lock: the text of a lock for all that the release needs.
    """
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    wrong: list[str] = []
    for name, text in requirements(metadata).items():
        if name in LEFT_OUT:
            continue
        version = pinned.get(name)
        if version is None:
            wrong.append(f"{name} is not locked")
        elif not Requirement(f"{name}{text.partition(';')[0]}").specifier.contains(version, prereleases=True):
            wrong.append(f"{name} {version} is locked, not {text}")
    return wrong
