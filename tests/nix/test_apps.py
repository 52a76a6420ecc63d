"""`nix run .#…`, on this machine's programs."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.flake import Flake

Run = Callable[..., subprocess.CompletedProcess[str]]
ENGINES = ("docker", "podman")


@pytest.fixture
def run(flake: Flake) -> Run:
    """Runs an app; what it says beside Nix's own words is in `stderr`."""

    def run(
        name: str, *arguments: str, path: str = "/usr/bin", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": os.environ["HOME"], "PATH": path}
        done = flake.run("run --quiet", name, "--", *arguments, environment=environment, cwd=cwd)
        done.stderr = done.stderr[max(done.stderr.find(f"{name}: "), 0) :]
        return done

    return run


def engine(folder: Path, name: str, *, answers: bool = True) -> None:
    """A container engine that keeps what it is to load. One that does not answer has no daemon."""
    program = folder / name
    keep = f'case "$1" in version) ;; load) cat >"{folder}/{name}.$$.tar" ;; *) exit 2 ;; esac'
    program.write_text(f"#!/bin/sh\n{keep if answers else 'exit 1'}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("name", ENGINES)
def test_load_images_gives_both_to_the_engine_that_there_is(run: Run, tmp_path: Path, name: str) -> None:
    engine(tmp_path, name)
    done = run("load-images", path=f"{tmp_path}:/usr/bin")
    assert done.returncode == 0, done.stderr
    loaded = set()
    for archive in tmp_path.glob("*.tar"):
        said = subprocess.run(
            ["skopeo", "inspect", "--config", f"docker-archive:{archive}"], check=True, stdout=subprocess.PIPE
        )
        loaded.add(json.loads(said.stdout)["config"]["Labels"]["org.opencontainers.image.title"])
    assert len(loaded) == 2


def test_load_images_takes_podman_where_docker_has_no_daemon(run: Run, tmp_path: Path) -> None:
    engine(tmp_path, "docker", answers=False)
    engine(tmp_path, "podman")
    done = run("load-images", path=f"{tmp_path}:/usr/bin")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("podman.*.tar"))) == 2


def test_load_images_without_an_engine(run: Run, tmp_path: Path) -> None:
    for program in Path("/usr/bin").iterdir():
        if program.name not in ENGINES:
            (tmp_path / program.name).symlink_to(program)
    done = run("load-images", path=str(tmp_path))
    assert done.returncode == 3
    assert done.stderr.startswith("load-images: no docker and no podman answers; ")
    assert done.stderr.count("\n") == 1


def test_push_images_to_where_skopeo_can(run: Run, flake: Flake, tmp_path: Path) -> None:
    done = run("push-images", f"dir:{tmp_path}")
    assert done.returncode == 0, done.stderr
    for service in ("moshi", "frontend"):
        reference = flake.evaluate(f"packages.x86_64-linux.{service}-image.reference")
        assert (tmp_path / reference / "manifest.json").exists()


def test_push_images_asks_where_to(run: Run) -> None:
    done = run("push-images")
    assert done.returncode == 2
    assert "where to?" in done.stderr


def test_update_moshi_works_on_the_checkout_that_it_is_called_in(run: Run, tmp_path: Path) -> None:
    outside = run("update-moshi", "verify", cwd=tmp_path)
    assert outside.returncode == 3
    assert outside.stderr == "update-moshi: call this inside a checkout of Scenario 6\n"

    tool = tmp_path / "tools" / "update_moshi.sh"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$PYTHON" "$@"\n')
    tool.chmod(0o755)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    inside = run("update-moshi", "rollback", "1", cwd=tool.parent)
    assert inside.returncode == 0, inside.stderr
    python, *arguments = inside.stdout.split()
    assert python.endswith("-scenario6-development/bin/python")
    assert arguments == ["rollback", "1"]
