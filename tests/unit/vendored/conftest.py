from pathlib import Path

import pytest

from support.vendored import NOT_TAKEN, RELEASED, make_archive, write_pin
from vendoring import source
from vendoring.checkout import Checkout
from vendoring.manifest import Release


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A working copy that pins RELEASED, with nothing placed."""
    result = Checkout(tmp_path / "checkout")
    result.folder.mkdir(parents=True)
    write_pin(result, make_archive(RELEASED | NOT_TAKEN), RELEASED)
    return result


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "release.tar.gz"
    path.write_bytes(make_archive(RELEASED | NOT_TAKEN))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scenario6" / "vendor"


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[Release]:
    """What was asked of the package index, which answers with RELEASED."""
    asked: list[Release] = []

    def download(release: Release) -> bytes:
        asked.append(release)
        return make_archive(RELEASED | NOT_TAKEN)

    monkeypatch.setattr(source, "download", download)
    return asked
