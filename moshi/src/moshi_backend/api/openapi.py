"""The HTTP interface as OpenAPI."""

import json
from functools import partial

from moshi_backend.api.app import create_app, create_lobby
from moshi_backend.engine.engine import Engine
from moshi_backend.loading import load
from moshi_backend.settings import Settings


def document() -> str:
    """JSON with sorted keys and a line feed at its end, the same for every machine. Loads no model."""
    settings = Settings.model_construct()
    app = create_app(settings, create_lobby(settings, Engine(partial(load, settings))))
    return json.dumps(app.openapi(), indent=2, sort_keys=True) + "\n"
