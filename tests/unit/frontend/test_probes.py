"""How a moshi is asked, and how often."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from moshi_frontend import probes
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.probes import PROBES_PER_SECOND, SPREAD, Prober, round_seconds
from moshi_frontend.replica import Replica
from moshi_frontend.replicas import Replicas
from moshi_frontend.trust import Trust


class Broken(Trust):
    """Fails in a way that no library documents."""

    def context(self) -> None:  # type: ignore[override]
        raise RuntimeError("out of luck")


class Slow(Prober):
    """Each probe takes `seconds`, on a clock that `watch` alone moves, up to `until`."""

    def __init__(self, seconds: float, until: float) -> None:
        super().__init__(Trust(None), {})
        self.begun = self.under_way = self.most = 0
        self._seconds = seconds
        self._until = until
        self._now = 0.0
        self._yield: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def sleep(self, seconds: float) -> None:
        self._now += seconds
        if self._now > self._until:
            raise asyncio.CancelledError
        await self._yield(0)

    async def ask(self, _replica: Replica) -> None:
        self.begun += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        end = self._now + self._seconds
        while self._now < end:
            await self._yield(0)
        self.under_way -= 1


@pytest.mark.anyio
async def test_an_error_that_nobody_foresaw_is_told_and_does_not_end_the_asking() -> None:
    replica = Replica(Endpoint("https://127.0.0.1:1"))
    await Prober(Broken(None), {}).ask(replica)
    assert (replica.health.status, replica.health.detail) == ("unreachable", "unexpected answer (RuntimeError)")


def test_the_time_between_probes_grows_with_the_replicas() -> None:
    assert [round_seconds(replicas) for replicas in (0, 1, 50, 100, 1000)] == [1, 1, 1, 2, 20]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replicas", "seconds", "most"),
    [
        (1, 0.0, 1),
        (64, 0.0, 64),
        (64, math.inf, 64),  # none answers: each has one probe, which never ends
        (1000, 5.0, 64),
    ],
)
async def test_probes_have_bounds_in_a_second_and_at_the_same_time(
    replicas: int, seconds: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = Slow(seconds, until=60)
    monkeypatch.setattr(asyncio, "sleep", prober.sleep)
    monkeypatch.setattr(probes, "FINISH_SECONDS", 0)
    known = Replicas([Endpoint("http://moshi:8998", (f"10.0.{n // 250}.{n % 250}", 8998)) for n in range(replicas)])
    with pytest.raises(asyncio.CancelledError):
        await prober.watch(known)
    assert 1 <= prober.most <= most
    assert prober.begun <= min(replicas, PROBES_PER_SECOND) * 60 / SPREAD[0] + replicas
    assert seconds < math.inf or prober.begun == replicas
