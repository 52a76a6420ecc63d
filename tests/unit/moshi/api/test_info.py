"""The information that clients get from `/api/info`."""

from pathlib import Path

import httpx
import pytest

from moshi_backend.api.app import create_app, create_lobby
from moshi_backend.engine.engine import Engine
from moshi_backend.settings import Settings


def never_loaded(*_: object) -> None:
    raise AssertionError("the engine was not started")


@pytest.mark.anyio
async def test_a_models_folder_is_named_without_its_path(tmp_path: Path) -> None:
    settings = Settings(model=str(tmp_path / "moshi-de"))
    app = create_app(settings, create_lobby(settings, Engine(never_loaded)))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answers = [(await client.get(path)).text for path in ("/api/info", "/health")]
    assert '"id":"moshi-de"' in answers[0]
    assert not any(str(tmp_path) in answer for answer in answers)
