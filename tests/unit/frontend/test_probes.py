"""How a moshi is asked."""

import pytest

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.probes import Prober, round_seconds
from moshi_frontend.replica import Replica
from moshi_frontend.trust import Trust


class Broken(Trust):
    """Fails in a way that no library documents."""

    def context(self) -> None:  # type: ignore[override]
        raise RuntimeError("out of luck")


@pytest.mark.anyio
async def test_an_error_that_nobody_foresaw_is_told_and_does_not_end_the_asking() -> None:
    replica = Replica(Endpoint("https://127.0.0.1:1"))
    await Prober(Broken(None), {}).ask(replica)
    assert (replica.health.status, replica.health.detail) == ("unreachable", "unexpected answer (RuntimeError)")


def test_the_number_of_probes_in_a_second_has_a_bound() -> None:
    assert [round_seconds(replicas) for replicas in (0, 1, 50, 100, 1000)] == [1, 1, 1, 2, 20]
