"""The app model names what the services, the images and the pinned Aspire CLI say.

It is text here: .NET's SDK, which would compile it, is not among what the tests need.
"""

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic_settings import BaseSettings

from moshi_backend.settings import Settings as MoshiSettings
from moshi_frontend.discovery import find_moshi
from moshi_frontend.settings import Settings as FrontendSettings

ROOT = Path(__file__).parents[3]
APPHOST = ROOT / "AppHost"
SETTINGS: dict[str, type[BaseSettings]] = {"MOSHI_": MoshiSettings, "FRONTEND_": FrontendSettings}
PROJECT = ElementTree.parse(APPHOST / "AppHost.csproj").getroot()
SOURCE = {file.name: file.read_text() for file in APPHOST.glob("*.cs")}
SERVICE = re.compile(r'AddService\("(scenario6-\w+)", settings: "([A-Z]+_)", port: (\d+)')


def services() -> dict[str, tuple[str, int]]:
    """By name: what the service's own variables begin with, and its port."""
    return {name: (prefix, int(port)) for name, prefix, port in SERVICE.findall(SOURCE["AppHost.cs"])}


def pinned_cli() -> str:
    (version,) = json.loads((ROOT / "tools/aspire/package.json").read_text())["dependencies"].values()
    return str(version)


def test_aspire_run_finds_the_project_from_the_root() -> None:
    named = json.loads((ROOT / "aspire.config.json").read_text())["appHost"]["path"]
    assert ROOT / named == APPHOST / "AppHost.csproj"


def test_its_sdk_is_of_the_pinned_cli() -> None:
    """The CLI brings the orchestrator and the dashboard; of another version they may not understand each other."""
    assert PROJECT.attrib["Sdk"] == f"Aspire.AppHost.Sdk/{pinned_cli()}"


def test_its_framework_is_of_the_shells_dotnet() -> None:
    (major,) = re.findall(r"^  dotnet-sdk_(\d+),$", (ROOT / "nix/devshell.nix").read_text(), re.MULTILINE)
    assert PROJECT.findtext("PropertyGroup/TargetFramework") == f"net{major}.0"


@pytest.mark.parametrize("package", ["moshi", "frontend"])
def test_its_version_is_the_tag_of_the_images(package: str) -> None:
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    assert PROJECT.findtext("PropertyGroup/Version") == project["version"]


def test_a_service_is_its_image_at_its_own_port() -> None:
    assert {prefix for prefix, _ in services().values()} == set(SETTINGS)
    for name, (prefix, port) in services().items():
        image = (ROOT / f"nix/{name.removeprefix('scenario6-')}-image.nix").read_text()
        assert f'name = "{name}";' in image
        assert f"port = {port};" in image
        assert SETTINGS[prefix].model_fields["port"].default == port


def test_the_frontend_finds_moshi_under_the_name_that_it_has_here() -> None:
    assert ".WithReference(moshi.GetEndpoint" in SOURCE["AppHost.cs"]
    (endpoint,) = find_moshi({f"services__{next(iter(services()))}__https__0": "https://moshi:8998"})
    assert endpoint.url == "https://moshi:8998"


def test_every_setting_that_it_names_exists() -> None:
    known = {prefix + name.upper() for prefix, settings in SETTINGS.items() for name in settings.model_fields}
    named = set(re.findall(r'"((?:MOSHI|FRONTEND)_[A-Z_]*[A-Z])"', "".join(SOURCE.values())))
    assert named <= known
    for suffix in re.findall(r'settings \+ "([A-Z_]+)"', SOURCE["Services.cs"]):
        assert {prefix + suffix for prefix in SETTINGS} <= known
    (kept,) = re.findall(r"NotForPeople =\s+\[(.*)\]", SOURCE["Settings.cs"])
    ends = re.findall(r'"([A-Z_]+)"', kept)
    assert ends
    assert [end for end in ends if not {prefix + end for prefix in SETTINGS} & {*known, "MOSHI_URL"}] == []


def test_the_dashboard_hides_every_secret() -> None:
    secret = {
        str(field.validation_alias or prefix + name.upper())
        for prefix, settings in SETTINGS.items()
        for name, field in settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    assert secret == {"MOSHI_API_TOKEN", "FRONTEND_API_KEYS"}
    assert secret <= set(re.findall(r'WithSecret\("(\w+)"', SOURCE["AppHost.cs"]))


def test_a_volume_is_where_the_image_has_one() -> None:
    images = "".join((ROOT / "nix" / name).read_text() for name in ("image.nix", "moshi-image.nix"))
    mounted = re.findall(r'WithVolume\("\w+", "(/[\w/]+)"\)', "".join(SOURCE.values()))
    assert sorted(mounted) == ["/var/cache/huggingface", "/var/lib/scenario6"]
    assert all(f'"{folder}"' in images for folder in mounted)


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"SCENARIO6_[A-Z]+", "".join(SOURCE.values())))))
def test_its_own_settings_are_explained(variable: str) -> None:
    assert f"`{variable}`" in (ROOT / "docs/how-to/aspire.md").read_text()
    assert f"`{variable}`" in (ROOT / "docs/reference/configuration.md").read_text()
