"""The HTTP interface as OpenAPI."""

import json

from moshi_backend.api.app import create_app, create_engine, create_manager
from moshi_backend.settings import Settings


def document() -> str:
    """JSON with sorted keys and a line feed at its end, the same for every machine. Loads no model."""
    settings = Settings.model_construct()
    engine = create_engine(settings)
    app = create_app(settings, engine, create_manager(settings, engine))
    return json.dumps(app.openapi(), indent=2, sort_keys=True) + "\n"
