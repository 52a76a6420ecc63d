from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's level is the folder it is in."""
    for item in items:
        item.add_marker(Path(item.path).relative_to(Path(__file__).parent).parts[0])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
