"""`nix develop`: the programs are there, and `make` takes what it brings."""

import subprocess

from support.flake import Flake

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
