"""One browser for the tests of a module."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from support.tab import talking_browser


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the module, because its browser is: they share a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with talking_browser(tmp_path_factory.mktemp("speech")) as browser:
        yield browser
