from collections.abc import Callable
from pathlib import Path

import pytest

from support import container
from support.flake import Flake

IMAGES = "packages.x86_64-linux.{}-image"


@pytest.fixture(scope="session")
def flake(tmp_path_factory: pytest.TempPathFactory) -> Flake:
    return Flake.of_checkout(tmp_path_factory.mktemp("flake"))


@pytest.fixture
def changed_flake(tmp_path: Path) -> Flake:
    """One for a test to change."""
    return Flake.of_checkout(tmp_path)


@pytest.fixture(scope="session")
def archive_of(flake: Flake, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The image of a service as an archive, built once."""
    made: dict[str, Path] = {}

    def archive(service: str) -> Path:
        if service not in made:
            made[service] = tmp_path_factory.mktemp("archive") / f"{service}.tar"
            container.write_archive(flake.build(IMAGES.format(service)), made[service])
        return made[service]

    return archive
