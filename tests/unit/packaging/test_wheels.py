"""The locks, nix/wheels.json and the pin of Moshi say the same; how a wheel is chosen."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import wheels

ROOT = Path(__file__).parents[3]
A, B = 64 * "a", 64 * "b"


def locked(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def test_every_locked_package_has_its_wheel_and_its_hash_is_one_of_the_lock() -> None:
    text = wheels.LOCK.read_text()
    known = json.loads(wheels.WHEELS.read_text())
    assert known.keys() == locked(wheels.LOCK).keys()
    sections = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    for section in sections:
        assert f"--hash=sha256:{known[section.split('==')[0]]['sha256']}" in section


@pytest.mark.parametrize("service", ["moshi", "frontend"])
def test_a_service_runs_with_the_versions_that_are_tested(service: str) -> None:
    assert locked(ROOT / service / "requirements.lock").items() <= locked(wheels.LOCK).items()


def test_the_pin_of_moshi_and_its_manifest_are_of_one_release() -> None:
    pin = tomllib.loads((ROOT / "MOSHI_VERSION").read_text())
    manifest = json.loads((ROOT / "third_party/moshi/UPSTREAM.json").read_text())
    project = tomllib.loads((ROOT / "third_party/moshi/pyproject.toml").read_text())["project"]
    assert pin["version"] == manifest["version"] == project["version"]
    assert (pin["archive"], pin["sha256"]) == (manifest["archive"]["name"], manifest["archive"]["sha256"])


def test_the_wheel_made_for_this_python_is_preferred() -> None:
    native = "x-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    files = [("x-1.0-py3-none-any.whl", A), (native, B), ("x-1.0-cp39-abi3-manylinux_2_17_x86_64.whl", A)]
    assert wheels.choose(files) == (native, B)
    assert wheels.choose(reversed(files)) == (native, B)


def test_of_two_builds_the_later_is_taken() -> None:
    first, second = (f"x-1.0-{build}-cp312-cp312-manylinux1_x86_64.whl" for build in (9, 10))
    assert wheels.choose([(second, B), (first, A)]) == (second, B)


@pytest.mark.parametrize(
    "name", ["x-1.0-cp311-cp311-manylinux1_x86_64.whl", "x-1.0-cp312-cp312-macosx_11_0_arm64.whl",
             "x-1.0-cp312-cp312-musllinux_1_1_x86_64.whl", "x-1.0-cp312-cp312-manylinux_2_39_x86_64.whl"],
)  # fmt: skip
def test_a_wheel_for_another_machine_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="no wheel for CPython"):
        wheels.choose([(name, A)])


def package(*names: str, version: str = "1.0") -> dict[str, object]:
    """As in a pylock.toml; an address may be quoted, and on any host."""
    files = [{"url": f"scheme://host/a%20b/{name}", "hashes": {"sha256": A}} for name in names]
    return {"name": "some-thing", "version": version, "wheels": files}


def test_the_parts_of_a_name_put_together_are_the_name() -> None:
    name = "Some_Thing-1.0-2-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    made = wheels.describe(package(name))
    assert "{pname}-1.0-{python}-{abi}-{platform}.whl".format(**made) == name
    assert made["python"] == "2-cp312"
    assert made["sha256"] == A


def test_a_package_without_a_wheel_is_named() -> None:
    with pytest.raises(ValueError, match=r"^some-thing 1\.0: no wheel"):
        wheels.describe(package())


def test_a_version_that_is_spelled_in_two_ways_is_refused() -> None:
    with pytest.raises(ValueError, match="does not spell its version as the lock does"):
        wheels.describe(package("some_thing-1.0.0-py3-none-any.whl"))
