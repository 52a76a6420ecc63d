"""This repository's own pin: every place that names the release names the same one."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from vendoring.checkout import Checkout
from vendoring.generated import PACKAGING_FILE, SBOM_FILE
from vendoring.pin import MANIFEST_FILE, RELEASE_FILE, UNKNOWN

CHECKOUT = Checkout(Path(__file__).resolve().parents[3])


@pytest.fixture(scope="module")
def packaging() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((CHECKOUT.root / PACKAGING_FILE).read_text())["project"]
    return project


def test_all_places_name_the_same_release(packaging: dict[str, Any]) -> None:
    release = CHECKOUT.manifest().release
    assert packaging["version"] == release.version
    if release.commit != UNKNOWN:
        assert packaging["urls"]["Source"].endswith(f"/tree/{release.commit}")
    assert release.archive == f"moshi-{release.version}-py3-none-any.whl"


def test_packaging_ships_every_licence(packaging: dict[str, Any]) -> None:
    assert packaging["license-files"] == ["LICENSE*"]
    assert {packaging["license"]} == {*CHECKOUT.manifest().licences.values()}


def test_the_locks_hold_what_the_release_asks_for(packaging: dict[str, Any]) -> None:
    lock = (CHECKOUT.root / "moshi/requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    for requirement in map(Requirement, packaging["dependencies"]):
        assert requirement.specifier.contains(locked[requirement.name], prereleases=True), f"{requirement}: make lock"


def test_the_pin_is_what_the_tool_writes() -> None:
    assert (CHECKOUT.root / MANIFEST_FILE).read_text() == CHECKOUT.manifest().text()
    assert (CHECKOUT.root / RELEASE_FILE).read_text() == CHECKOUT.manifest().release.text()


def test_the_bill_of_materials_is_valid_cyclonedx() -> None:
    text = (CHECKOUT.root / SBOM_FILE).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"specVersion": "1.6"', '"specVersion": 7')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


@pytest.mark.parametrize("folder", ["tools/vendoring", "service/src/moshi_service/errors"])
def test_the_tool_has_the_syntax_of_the_python_that_it_asks_for(folder: str) -> None:
    """Set-up runs it before the environment with Python 3.12 exists."""
    for file in (CHECKOUT.root / folder).glob("*.py"):
        ast.parse(file.read_text(), str(file), feature_version=(3, 11))
