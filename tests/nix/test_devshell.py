"""`nix develop`: the programs are there, and `make` takes what it brings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.flake import Flake, host

SHELL = "devShells.x86_64-linux.default"


def inside(flake: Flake, command: str) -> subprocess.CompletedProcess[str]:
    return flake.run("develop", SHELL, "--ignore-environment", "--keep", "HOME", "--command", "sh", "-euc", command)


def test_the_programs_are_there_and_nothing_is_done(flake: Flake) -> None:
    done = inside(flake, 'python3.12 --version; node --version; skopeo --version; echo "$PYTHON"; pwd')
    assert done.returncode == 0, done.stderr
    hook, python, node, skopeo, named, _ = done.stdout.splitlines()
    assert hook.startswith("Scenario 6: 'make run'")
    assert python.startswith("Python 3.12.")
    assert node.startswith("v") and skopeo.startswith("skopeo")
    assert named.endswith("-python312/bin/python3.12")


def test_it_names_the_environment_that_make_adds_to(flake: Flake) -> None:
    done = inside(flake, 'test -d "$SCENARIO6_ENVIRONMENT/lib/python3.12/site-packages"; echo "$CUDA_HOME"')
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("cudatoolkit-12.1")


def test_it_gives_its_packages_to_no_other_python_and_no_other_node(flake: Flake) -> None:
    done = inside(flake, "env")
    assert done.returncode == 0, done.stderr
    variables = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert "SCENARIO6_ENVIRONMENT" in variables
    hooks = {"PYTHONPATH", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "DETERMINISTIC_BUILD", "NODE_PATH"}
    assert variables.isdisjoint(hooks)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """In the place of the one in the store: an environment with every locked package, and none of ours."""
    made = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    site = Path("lib/python3.12/site-packages")
    for package in (Path(sys.prefix) / site).iterdir():
        if not package.name.startswith(("__editable__", "_editable", "moshi", "loadtest", "scenario6")):
            (made / site / package.name).symlink_to(package)
    for program in ("ruff", "mypy"):
        (made / "bin" / program).symlink_to(Path(sys.prefix) / "bin" / program)
    return made


def test_make_adds_the_checkout_to_that_environment(changed_flake: Flake, environment: Path) -> None:
    checkout = changed_flake.source
    uv = Path(host()["uv"]).parent
    done = subprocess.run(
        [checkout / "tools/setup-python"],
        env={
            "SCENARIO6_ENVIRONMENT": str(environment),
            "PYTHON": host()["python"],
            "PATH": f"{uv}:/usr/bin:/bin",
            "HOME": os.environ["HOME"],
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not (checkout / ".bootstrap").exists(), "uv comes from the shell"
    script = (
        "import moshi, moshi_backend, moshi_frontend, loadtest, scenario6_client, fastapi as f; "
        "print(moshi_backend.__file__, f.__file__)"
    )
    python = checkout / ".venv/bin/python"
    ours, theirs = subprocess.run([python, "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert Path(ours).is_relative_to(checkout)
    assert Path(theirs).is_relative_to(environment)
    for program in ("ruff", "mypy", "moshi-backend", "moshi-frontend"):
        assert os.access(checkout / ".venv/bin" / program, os.X_OK)
    assert (checkout / ".venv/.environment").read_text().strip() == str(environment)


@pytest.mark.parametrize(
    ("inside", "entered", "is_made_anew"), [(True, True, False), (False, True, True), (True, False, True)]
)
def test_an_environment_is_made_anew_when_the_shell_is_entered_or_left(
    changed_flake: Flake, inside: bool, entered: bool, is_made_anew: bool
) -> None:
    """inside: the environment that there is was made in the shell; entered: make runs in it."""
    checkout = changed_flake.source
    (checkout / ".venv").mkdir()
    if inside:
        (checkout / ".venv/.environment").write_text("/store/environment\n")
    (checkout / ".venv/.ready").touch()
    done = subprocess.run(
        ["make", "--dry-run", ".venv/.ready"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin"} | ({"SCENARIO6_ENVIRONMENT": "/store/environment"} if entered else {}),
        check=True,
        capture_output=True,
        text=True,
    )
    assert ("tools/setup-python" in done.stdout) == is_made_anew
