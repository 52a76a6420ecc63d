"""Which wheel of each locked package Nix takes: nix/wheels.json, written from requirements-dev.lock by tools/lock.

A lock with hashes says which files are trusted, not what they are called, and Nix fetches by name. What is added here
is only that: the parts of each file's name without its version, which stays in the lock, and the one hash of the lock's
that is the file's.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit

from packaging import tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.lock"
WHEELS = ROOT / "nix" / "wheels.json"
PYTHON = (3, 12)
GLIBC = 28
"""The platform of tools/lock is manylinux_2_28: CentOS 8's, Debian 10's and newer."""


class Wheel(TypedDict):
    """The arguments that nixpkgs' fetchPypi makes a wheel's name of, and the file's hash in hexadecimal."""

    pname: str
    python: str
    abi: str
    platform: str
    sha256: str


def supported_tags() -> list[tags.Tag]:
    """The tags that CPython 3.12 takes on that platform, the best first."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    return [
        *tags.cpython_tags(PYTHON, platforms=platforms),
        *tags.compatible_tags(PYTHON, interpreter="cp312", platforms=platforms),
    ]


def choose(files: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """The (name, SHA-256) that an installer would take. Raises ValueError where none fits."""
    rank = {tag: index for index, tag in enumerate(supported_tags())}
    ranked = []
    for name, sha256 in files:
        _, _, build, wheel_tags = parse_wheel_filename(name)
        if fitting := [rank[tag] for tag in wheel_tags if tag in rank]:
            ranked.append(((-min(fitting), build), name, sha256))
    if not ranked:
        raise ValueError("no wheel for CPython 3.12 on x86-64 Linux")
    _, name, sha256 = max(ranked)
    return name, sha256


def describe(package: Mapping[str, Any]) -> Wheel:
    """One package of a pylock.toml (PEP 751). Raises ValueError where Nix could not fetch it."""
    files = [
        (unquote(urlsplit(wheel["url"]).path).rsplit("/", 1)[-1], wheel["hashes"]["sha256"])
        for wheel in package.get("wheels", [])
    ]
    try:
        name, sha256 = choose(files)
    except ValueError as error:
        raise ValueError(f"{package['name']} {package['version']}: {error}") from None
    # A build number, where there is one, goes with the Python tag: its place in the name is right before it.
    pname, version, rest = name.removesuffix(".whl").split("-", 2)
    python, abi, platform = rest.rsplit("-", 2)
    if version != package["version"]:
        raise ValueError(f"{name} does not spell its version as the lock does, {package['version']}")
    return {"pname": pname, "python": python, "abi": abi, "platform": platform, "sha256": sha256}


def render(packages: Iterable[Mapping[str, Any]]) -> str:
    """nix/wheels.json: an object with one package a line, so that a new version is one changed line."""
    lines = [f"  {json.dumps(package['name'])}: {json.dumps(describe(package))}" for package in packages]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    uv = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        pylock = Path(folder) / "pylock.toml"
        subprocess.run(
            [uv, "pip", "compile", "--quiet", "--python", sys.executable, "--python-version", "3.12",
             "--python-platform", f"x86_64-manylinux_2_{GLIBC}", "--no-deps", "--only-binary", ":all:",
             "--generate-hashes", "--format", "pylock.toml", "--output-file", str(pylock), str(LOCK)],
            check=True,
            cwd=ROOT,
        )  # fmt: skip
        packages = tomllib.loads(pylock.read_text())["packages"]
    try:
        WHEELS.write_text(render(packages))
    except ValueError as error:
        print(f"scenario6: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
