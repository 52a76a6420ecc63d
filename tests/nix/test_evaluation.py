"""What the flake offers, and that it says the same as the rest of the repository."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from moshi_backend.settings import Settings as MoshiSettings
from moshi_frontend.settings import Settings as FrontendSettings
from support.flake import Flake

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "moshi/pyproject.toml").read_text())["project"]["version"]
UPSTREAM = tomllib.loads((ROOT / "MOSHI_VERSION").read_text())


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (
            "packages.x86_64-linux",
            "aspire-cli conversation-test default demo environment frontend-image moshi-backend moshi-frontend"
            " moshi-image page vendored-moshi",
        ),
        ("apps.x86_64-linux", "default demo doctor load-images push-images update-moshi"),
        ("checks.x86_64-linux", "frontend-image lint locks moshi-image types unit"),
        ("devShells", "aarch64-darwin aarch64-linux x86_64-linux"),
        ("devShells.x86_64-linux", "default slim"),
    ],
)
def test_outputs(flake: Flake, output: str, names: str) -> None:
    assert flake.evaluate(output, "builtins.attrNames") == names.split()


def test_every_output_evaluates_to_something_that_can_be_built(flake: Flake) -> None:
    for output in ("packages.x86_64-linux", "checks.x86_64-linux"):
        made = flake.evaluate(output, "builtins.mapAttrs (_: output: output.drvPath)")
        assert all(path.endswith(".drv") for path in made.values())
    for system in ("x86_64-linux", "aarch64-linux", "aarch64-darwin"):
        assert flake.evaluate(f"devShells.{system}.default.drvPath").endswith(".drv")
    apps = flake.evaluate("apps.x86_64-linux", "builtins.mapAttrs (_: app: app.type + app.meta.description)")
    assert all(said.startswith("app") and len(said) > 10 for said in apps.values())


def test_nix_finds_nothing_wrong_with_the_flake(flake: Flake) -> None:
    done = flake.run("flake check --no-build --all-systems", "")
    assert done.returncode == 0, done.stderr


def test_nix_lists_what_the_flake_offers(flake: Flake) -> None:
    done = flake.run("flake show --json --all-systems", "")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert {app["type"] for app in shown["apps"]["x86_64-linux"].values()} == {"app"}
    assert shown["checks"]["x86_64-linux"].keys() == {"frontend-image", "lint", "locks", "moshi-image", "types", "unit"}


def test_nix_fmt_formats_the_tree_and_reads_no_standard_input(flake: Flake) -> None:
    done = flake.run("fmt", "", cwd=flake.source, input="{ }\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"formats {flake.source}\n"


DRIVER = {"succeed", "wait_for_unit", "wait_until_succeeds"}
"""Methods of the NixOS test driver's machine that no release calls deprecated."""


def test_the_conversation_in_a_virtual_machine_asks_its_driver_for_nothing_deprecated(flake: Flake) -> None:
    script = flake.evaluate("packages.x86_64-linux.conversation-test.test", "test: test.testScript")
    tree = ast.parse(script)
    methods = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "machine"
    }
    assert methods == DRIVER
    commands = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [command for command in commands if re.search(r"\|.*grep -q", command)], "grep ends before curl does"


def test_the_aspire_cli_finds_docker(flake: Flake) -> None:
    names = flake.evaluate("packages.x86_64-linux.aspire-cli", "cli: map (package: package.name) cli.packages")
    assert "docker-client" in names


def test_the_lock_pins_each_input_of_the_flake(flake: Flake) -> None:
    expression = f"builtins.mapAttrs (_: input: input.url) (import {flake.source}/flake.nix).inputs"
    inputs = flake.run_expression(expression)
    lock = json.loads((ROOT / "flake.lock").read_text())
    pinned = {}
    for name, node in lock["nodes"][lock["root"]]["inputs"].items():
        original, locked = lock["nodes"][node]["original"], lock["nodes"][node]["locked"]
        pinned[name] = "{type}:{owner}/{repo}/{ref}".format(**original)
        assert len(locked["rev"]) == 40 and locked["narHash"].startswith("sha256-") and locked["lastModified"]
        assert (locked["owner"], locked["repo"]) == (original["owner"], original["repo"])
    assert pinned == inputs


@pytest.mark.parametrize(
    ("service", "settings", "prefix"), [("moshi", MoshiSettings, "MOSHI_"), ("frontend", FrontendSettings, "FRONTEND_")]
)
def test_an_image_is_configured_for_the_service_in_it(
    flake: Flake, service: str, settings: type[MoshiSettings] | type[FrontendSettings], prefix: str
) -> None:
    config = flake.evaluate(f"packages.x86_64-linux.{service}-image.imageConfig")

    assert config["User"] == "1000:1000"
    assert list(config["ExposedPorts"]) == [f"{settings.model_fields['port'].default}/tcp"]
    variables = dict(entry.split("=", 1) for entry in config["Env"])
    ours = {name.removeprefix(prefix).lower(): value for name, value in variables.items() if name.startswith(prefix)}
    assert ours == {"host": "0.0.0.0", "state_dir": "/var/lib/scenario6"}
    assert ours.keys() <= settings.model_fields.keys()
    cache = {variables["HF_HOME"]} if service == "moshi" else set()
    assert set(config["Volumes"]) == {ours["state_dir"]} | cache
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert flake.evaluate(f"packages.x86_64-linux.{service}-image.reference") == f"scenario6-{service}:{VERSION}"


def test_the_image_of_moshi_says_which_moshi_and_asks_for_a_gpu(flake: Flake) -> None:
    config = flake.evaluate("packages.x86_64-linux.moshi-image.imageConfig")
    assert config["Labels"]["scenario6.moshi.version"] == UPSTREAM["version"]
    assert config["Labels"]["scenario6.moshi.commit"] == UPSTREAM["commit"]
    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(config["Env"])


FOLDERS_OF_DRIVERS = {
    "Fedora, RHEL, SUSE": "/usr/lib64",
    "NixOS, GKE": "/usr/local/nvidia/lib64",
    "Ubuntu": "/usr/lib/x86_64-linux-gnu",
    "Debian's own packages": "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "WSL 2": "/usr/lib/wsl/lib",
    "Arch": "/usr/lib",
}


def test_the_image_of_moshi_looks_where_hosts_have_the_driver(flake: Flake) -> None:
    config = flake.evaluate("packages.x86_64-linux.moshi-image.imageConfig")
    variables = dict(entry.split("=", 1) for entry in config["Env"])
    assert set(variables["LD_LIBRARY_PATH"].split(":")) == set(FOLDERS_OF_DRIVERS.values())


def test_the_revision_is_that_of_the_checkout(changed_flake: Flake) -> None:
    revision = "org.opencontainers.image.revision"
    assert changed_flake.evaluate("packages.x86_64-linux.moshi-image.imageConfig")["Labels"][revision] == "unknown"
    committed = changed_flake.committed()
    said = committed.evaluate("packages.x86_64-linux.moshi-image.imageConfig")["Labels"][revision]
    assert said == committed.revision


EVERYWHERE = {"python312", "uv", "nodejs", "libopus", "dotnet-sdk_10", "skopeo", "git", "gnumake"}


def test_the_development_shell(flake: Flake) -> None:
    names = "shell: map (package: package.name) shell.packages"
    linux = flake.evaluate("devShells.x86_64-linux.default", names)
    assert set(linux) >= EVERYWHERE | {"scenario6-development", "cudatoolkit-12.1", "chromium"}
    aspire = json.loads((ROOT / "tools/aspire/package.json").read_text())["dependencies"]
    assert f"aspire-{aspire['@microsoft/aspire-cli-linux-x64']}" in linux
    assert linux.index("scenario6-development") < linux.index("python312"), "`python` would not know the packages"
    slim = flake.evaluate("devShells.x86_64-linux.slim", names)
    assert [name for name in linux if name not in slim] == ["cudatoolkit-12.1"]
    assert set(flake.evaluate("devShells.aarch64-linux.default", names)) >= EVERYWHERE | {"chromium"}
    assert set(flake.evaluate("devShells.aarch64-darwin.default", names)) >= EVERYWHERE


def test_one_release_has_one_version(changed_flake: Flake) -> None:
    project = changed_flake.source / "frontend/pyproject.toml"
    project.write_text(project.read_text().replace(f'version = "{VERSION}"', 'version = "9.9.9"'))
    done = changed_flake.run("eval", "packages.x86_64-linux.moshi-image.reference")
    assert done.returncode != 0
    assert "one release has one version" in done.stderr


def test_nothing_names_a_host_where_files_come_from() -> None:
    for file in [ROOT / "flake.nix", *(ROOT / "nix").iterdir()]:
        text = file.read_text()
        assert "://" not in text.replace("docker://registry.example", "").replace("ws://localhost", "").replace(
            "https://localhost", ""
        ).replace("http://localhost", ""), file
