"""What the frontend knows of a moshi."""

import pytest

from moshi_frontend.discovery import Endpoint
from moshi_frontend.replicas import Replica
from moshi_frontend.trust import Trust


class Broken(Trust):
    """Fails in a way that no library documents."""

    def context(self) -> None:  # type: ignore[override]
        raise RuntimeError("out of luck")


@pytest.mark.anyio
async def test_an_error_that_nobody_foresaw_is_told_and_does_not_end_the_asking() -> None:
    replica = Replica(Endpoint("https://127.0.0.1:1"), Broken(None), {})
    await replica.probe()
    assert (replica.health.status, replica.health.detail) == ("unreachable", "unexpected answer (RuntimeError)")
