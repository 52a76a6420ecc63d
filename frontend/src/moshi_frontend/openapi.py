"""The HTTP interface as OpenAPI."""

import json

from moshi_frontend.api import create_api
from moshi_frontend.placement import Placement
from moshi_frontend.proxy import Proxy
from moshi_frontend.replica import Replica
from moshi_frontend.replicas import Replicas
from moshi_frontend.settings import Settings
from moshi_frontend.trust import Trust


def document() -> str:
    """JSON with sorted keys and a line feed at its end, the same for every machine."""
    settings = Settings.model_construct()
    replicas = Replicas([])

    async def nothing(_replica: Replica) -> None:
        """No replica is asked."""

    placement = Placement(replicas, nothing, lambda replica: None, settings.tries)
    api = create_api(settings, replicas, Proxy(settings, placement, Trust(None), frozenset()), ())
    return json.dumps(api.openapi(), indent=2, sort_keys=True) + "\n"
