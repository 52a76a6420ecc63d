"""Upstream's version ranges, in our packaging and against our locks."""

import re
from collections.abc import Mapping
from email import message_from_string

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vendoring.errors import Refused
from vendoring.manifest import UNKNOWN, Release

LEFT_OUT = {
    "aiohttp": "its own server and client",
    "sounddevice": "its own client",
    "bitsandbytes": "its 8-bit weights",
    "tqdm": "its text-to-speech",
    "pytest": "its tests, which older releases asked for",
}
"""Dependencies of upstream's that we do not take, and what they are for."""

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


def requirements(metadata: str) -> dict[str, str]:
    """Version ranges by name, markers included, without those of extras.

    Raises:
        Refused: one cannot be understood.
    """
    ranges: dict[str, str] = {}
    for line in message_from_string(metadata).get_all("Requires-Dist", []):
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise Refused(f"the release asks for {line!r}, which is not understood ({error})") from None
        marker = str(requirement.marker or "")
        if "extra ==" in marker:
            continue
        order = sorted(requirement.specifier, key=lambda part: (part.operator not in (">=", "=="), str(part)))
        text = ",".join(map(str, order)) + (f"; {marker}" if marker else "")
        name = canonicalize_name(requirement.name)
        ranges[name] = f"{ranges[name]} | {text}" if name in ranges else text
    return ranges


def python_range(metadata: str) -> str:
    """Which Pythons the release is for."""
    text = str(message_from_string(metadata).get("Requires-Python", ""))
    return ",".join(sorted((part.strip() for part in text.split(",")), key=lambda part: part[:2] != ">="))


def declared_licence(metadata: str) -> str | None:
    """What the release says its licence is: an SPDX expression where it uses the newer field."""
    message = message_from_string(metadata)
    declared = message.get("License-Expression") or message.get("License")
    return str(declared) if declared else None


def packaging(release: Release, metadata: str, licences: Mapping[str, str]) -> str:
    """Our pyproject.toml for the release."""
    ranges = requirements(metadata)
    taken = "".join(
        f'    "{name}{text.replace(chr(34), chr(39))}",\n'
        for name, text in sorted(ranges.items())
        if name not in LEFT_OUT
    )
    source = "https://github.com/kyutai-labs/moshi"
    return _PACKAGING.format(
        left_out="\n".join(f"#   {name}: {use}" for name, use in LEFT_OUT.items() if name in ranges),
        version=release.version,
        python=python_range(metadata),
        licence=" AND ".join(sorted({*licences.values()})),
        licence_files=", ".join(f'"{name}"' for name in sorted(licences)),
        dependencies=taken,
        source=source if release.commit == UNKNOWN else f"{source}/tree/{release.commit}",
    )


def outdated_in(lock: str, metadata: str) -> list[str]:
    """What a lock pins that the release does not want, a phrase each.

    Args:
        lock: the text of a lock that holds what the release needs.
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
