import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's level is the folder it is in."""
    for item in items:
        item.add_marker(Path(item.path).relative_to(Path(__file__).parent).parts[0])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hangup_is_not_ignored() -> Iterator[None]:
    """Tests under `nohup` ignore SIGHUP, and the services that they start would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
