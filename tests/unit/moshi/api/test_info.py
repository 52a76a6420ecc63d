"""The information that clients get from `/api/info`."""

from pathlib import Path

import httpx
import pytest

from moshi_backend.api.app import create_app, create_engine, create_manager
from moshi_backend.settings import Settings


@pytest.mark.anyio
async def test_a_models_folder_is_named_without_its_path(tmp_path: Path) -> None:
    settings = Settings(model=str(tmp_path / "moshi-de"))
    engine = create_engine(settings)  # never started, so it loads no model
    app = create_app(settings, engine, create_manager(settings, engine))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answers = [(await client.get(path)).text for path in ("/api/info", "/health")]
    assert '"id":"moshi-de"' in answers[0]
    assert not any(str(tmp_path) in answer for answer in answers)
