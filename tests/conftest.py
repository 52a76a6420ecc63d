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
def signals_are_not_ignored() -> Iterator[None]:
    """Tests under `nohup` ignore SIGHUP, in the background of a script SIGINT. Their programs would inherit that."""
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
