"""Nix takes the wheels that the locks name, and no others."""

import base64
import hashlib
import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from support.flake import Flake

ROOT = Path(__file__).parents[2]
LOCKS = {
    "moshi-backend": ROOT / "moshi/requirements.lock",
    "moshi-frontend": ROOT / "frontend/requirements.lock",
    "demo": ROOT / "requirements-dev.lock",
}
WHEELS_BELOW = """service:
  let wheels = tree: tree.wheels ++ builtins.concatMap wheels tree.below;
  in map (wheel: { inherit (wheel) requirement fileName; inherit (wheel.file) arguments; made = wheel.file.fileName; })
     (builtins.concatMap wheels service.below)"""


def read_lock(lock: Path) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes by name."""
    found: dict[str, tuple[str, set[str]]] = {}
    for line in lock.read_text().splitlines():
        if pin := re.match(r"([a-z0-9-]+)==(\S+)", line):
            found[pin[1]] = (pin[2], set())
            name = pin[1]
        elif digest := re.search(r"sha256:([0-9a-f]{64})", line):
            found[name][1].add(digest[1])
    return found


@pytest.fixture(scope="module", params=LOCKS)
def taken(request: pytest.FixtureRequest, flake: Flake) -> tuple[Path, list[dict[str, Any]]]:
    """A lock, and what Nix makes of it."""
    return LOCKS[request.param], flake.evaluate(f"packages.x86_64-linux.{request.param}", WHEELS_BELOW)


def test_every_locked_package_and_no_other_in_the_locked_version(taken: tuple[Path, list[dict[str, Any]]]) -> None:
    lock, wheels = taken
    names = {parse_wheel_filename(wheel["fileName"])[:2] for wheel in wheels}
    assert {(name, str(version)) for name, version in names} == {
        (name, version) for name, (version, _) in read_lock(lock).items()
    }
    assert len(wheels) == len(names)


def test_a_hash_that_the_lock_trusts_of_a_file_of_that_name(taken: tuple[Path, list[dict[str, Any]]]) -> None:
    lock, wheels = taken
    locked = read_lock(lock)
    for wheel in wheels:
        given = wheel["arguments"]
        name = canonicalize_name(given["pname"])
        version, hashes = locked[name]
        assert given["sha256"] in hashes
        assert wheel["requirement"] == f"{name}=={version} --hash=sha256:{given['sha256']}"
        assert wheel["made"] == wheel["fileName"], "fetchPypi and uv would not mean the same file"
        assert given["dist"] == given["python"].split("-")[-1]


def test_the_wheel_that_is_installed_here_is_of_the_same_build(taken: tuple[Path, list[dict[str, Any]]]) -> None:
    """uv chose for this environment, from the same lock: what it took says in its metadata what it was built for."""
    _, wheels = taken
    for wheel in wheels:
        name, _, _, tags = parse_wheel_filename(wheel["fileName"])
        metadata = importlib.metadata.distribution(name).read_text("WHEEL")
        assert metadata, name
        said: set[Tag] = set()
        for line in metadata.splitlines():
            if line.startswith("Tag: "):
                said |= parse_tag(line.removeprefix("Tag: "))
        # A wheel may be renamed for more platforms than it was built for, never for another Python.
        assert {(tag.interpreter, tag.abi) for tag in tags} == {(tag.interpreter, tag.abi) for tag in said}, name


def test_the_archive_of_moshi_is_that_of_moshi_version(flake: Flake) -> None:
    upstream = tomllib.loads((ROOT / "MOSHI_VERSION").read_text())
    archive = flake.evaluate(
        "packages.x86_64-linux.vendored-moshi.archive", "archive: archive.arguments // { inherit (archive) fileName; }"
    )
    assert archive == {
        "pname": "moshi", "version": upstream["version"], "sha256": upstream["sha256"], "fileName": upstream["archive"],
        "format": "wheel", "dist": "py3", "python": "py3",
    }  # fmt: skip


def test_what_npm_packs_has_the_hash_of_the_lock(flake: Flake) -> None:
    """The address that is missing from package-lock.json is not missed: npm delivers the very bytes."""
    page = flake.build("packages.x86_64-linux.page")
    assert (page / "index.html").exists()
    for archive in flake.store.glob("*-preact-*.tgz"):
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert f"sha512-{digest}" in (ROOT / "frontend/web/package-lock.json").read_text()


STALE = "einops: run `make lock`"
LOCK, WHEELS = "moshi/requirements.lock", "nix/wheels.json"


@pytest.mark.parametrize(
    ("name", "pattern", "replacement", "complaint"),
    [
        (LOCK, r"(einops==\S+ \\\n).*\n.*\n", rf"\1    --hash=sha256:{'0' * 64}\n", STALE),
        (LOCK, r"^einops==\S+", "einops>=1", "no pinned package and no hash"),
        (WHEELS, r'  "einops".*\n', "", STALE),
        (WHEELS, r'("einops".*"sha256": ").{4}', r"\g<1>0000", STALE),
    ],
)
def test_what_does_not_agree_is_refused_before_anything_is_fetched(
    changed_flake: Flake, name: str, pattern: str, replacement: str, complaint: str
) -> None:
    file = changed_flake.source / name
    text, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)
    done = changed_flake.run("eval --json", "packages.x86_64-linux.moshi-backend", "--apply", WHEELS_BELOW)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_another_archive_of_moshi_is_not_unpacked(changed_flake: Flake) -> None:
    release = changed_flake.source / "MOSHI_VERSION"
    release.write_text(re.sub(r'sha256 = "....', 'sha256 = "0000', release.read_text()))
    done = changed_flake.run("build --no-link", "packages.x86_64-linux.vendored-moshi")
    assert done.returncode != 0
