from pathlib import Path

import pytest

from support.vendored import FIRST, make_repository, make_wheel, write_pin
from vendoring import source
from vendoring.checkout import Checkout


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scenario6" / "vendor"


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions to the package index, which answers with FIRST."""
    asked: list[str] = []

    def download(condition: str) -> bytes:
        asked.append(condition)
        return make_wheel(FIRST)

    monkeypatch.setattr(source, "download", download)
    return asked


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A working copy that pins FIRST, with nothing placed."""
    result = Checkout(tmp_path / "checkout")
    write_pin(result, make_wheel(FIRST), FIRST)
    return result


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "first.whl"
    path.write_bytes(make_wheel(FIRST))
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Checkout:
    return make_repository(tmp_path / "repository")
