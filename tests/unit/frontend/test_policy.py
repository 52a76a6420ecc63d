"""Where conversations land: the code that chooses, in a simulation of replicas, frontends and stale news.

A replica has slots and a queue. A frontend hears of each replica once in a second. Conversations come at random and
last 300 s on average. The earlier policy is simulated as well: it shows that the simulation can tell a bad policy.
"""

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_frontend.placement import NotPlaced, Placement
from moshi_frontend.replica import MoshiInfo, Replica
from moshi_frontend.replicas import Replicas
from moshi_service.health import Health
from moshi_service.protocol.info import Model, Slots
from moshi_service.protocol.upgrade import LOAD_HEADER, Denial, Load, Trial

MODEL = Model(id="fake", revision=None, demo=True)

pytestmark = pytest.mark.anyio

SLOTS, QUEUE, MEAN = 8, 4, 300.0
REPLICAS, FRONTENDS = 24, 3


@dataclass
class Moshi:
    """`token` changes when it dies, which voids its conversations."""

    used: int = 0
    queue: list[float] = field(default_factory=list)
    alive: bool = True

    @property
    def load(self) -> Load:
        return Load(self.used, SLOTS, len(self.queue))


@dataclass
class Outcome:
    arrivals: int = 0
    refused: int = 0
    misplaced: int = 0
    """Refused or queued while a slot was free somewhere."""


type Policy = Callable[["Simulation", Replicas, Placement], Awaitable[bool | None]]
"""Whether the conversation got a slot; None if it waits."""


class Simulation:
    def __init__(self, policy: Policy, concurrent: int, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.policy = policy
        self.concurrent = concurrent
        self.endpoints = [Endpoint("http://moshi", (f"127.0.1.{n}", 1)) for n in range(REPLICAS)]
        self.moshis = {endpoint: Moshi() for endpoint in self.endpoints}
        self.frontends: list[tuple[Replicas, Placement]] = []
        self.events: list[tuple[float, int, Callable[[], Any]]] = []
        self.now = 0.0
        self.counted = False
        self.outcome = Outcome()
        for _ in range(FRONTENDS):
            replicas = Replicas(self.endpoints, chance=self.chance)
            self.frontends.append((replicas, Placement(replicas, self._nothing, lambda replica: None, tries=3)))

    async def _nothing(self, _replica: Replica) -> None:
        """Nobody is asked: there are not many replicas."""

    def at(self, when: float, what: Callable[[], Any]) -> None:
        heapq.heappush(self.events, (when, len(self.events) + self.chance.randrange(10**9), what))

    async def run(self, warm: float, measure: float, *, dying: int = 0) -> Outcome:
        for moshi in self.chance.choices(list(self.moshis.values()), k=self.concurrent):
            if moshi.used < SLOTS:
                self._sit(moshi)
        for replicas, _ in self.frontends:
            self._hear(replicas)
        self.at(0.0, self._arrivals)
        self.at(warm, lambda: setattr(self, "counted", True))
        if dying:
            self.at(warm, lambda: self._die(dying))
        while (event := heapq.heappop(self.events))[0] < warm + measure:
            self.now = event[0]
            if (result := event[2]()) is not None:
                await result
        return self.outcome

    def _sit(self, moshi: Moshi) -> None:
        moshi.used += 1
        self.at(self.now + self.chance.expovariate(1 / MEAN), lambda: self._leave(moshi))

    def _leave(self, moshi: Moshi) -> None:
        if moshi.alive:
            moshi.used -= 1
            if moshi.queue:
                moshi.queue.pop(0)
                self._sit(moshi)

    def _die(self, number: int) -> None:
        for moshi in self.chance.sample(list(self.moshis.values()), number):
            moshi.alive = False
            for _ in range(moshi.used):
                self.at(self.now + 2 * self.chance.random(), self._arrive)

    def _hear(self, replicas: Replicas) -> None:
        ready = Health("ready", "ready", None, "")
        for replica in replicas.all:
            moshi = self.moshis[replica.endpoint]
            if not moshi.alive:
                replica.lost(errors.connection_failed("connection refused"))
            else:
                load = moshi.load
                slots = Slots(total=SLOTS, used=load.used)
                info = MoshiInfo.model_construct(model=MODEL, health=ready, slots=slots, queue=load.queued)
                replica.answered(info, asyncio.get_running_loop().time())
        self.at(self.now + self.chance.uniform(0.75, 1.25), lambda: self._hear(replicas))

    def _arrivals(self) -> Awaitable[None]:
        self.at(self.now + self.chance.expovariate(self.concurrent / MEAN), self._arrivals)
        return self._arrive()

    async def _arrive(self) -> None:
        free = any(moshi.alive and moshi.used < SLOTS for moshi in self.moshis.values())
        accepted = await self.policy(self, *self.chance.choice(self.frontends))
        if self.counted:
            self.outcome.arrivals += 1
            self.outcome.refused += accepted is False
            self.outcome.misplaced += free and not accepted

    async def open(self, replica: Replica, trial: Trial, _seconds: float) -> Any:
        """As moshi answers an upgrade."""
        moshi = self.moshis[replica.endpoint]
        if not moshi.alive:
            raise ConnectionRefusedError(111, "refused")
        if moshi.used < SLOTS:
            self._sit(moshi)
        elif trial is Trial.QUEUE and len(moshi.queue) < QUEUE:
            moshi.queue.append(self.now)
        else:
            denial = Denial(cause="full", code=1013, reason="full").model_dump_json().encode()
            raise InvalidStatus(Response(503, "", Headers({LOAD_HEADER: str(moshi.load)}), denial))
        return SimpleNamespace(response=SimpleNamespace(headers={LOAD_HEADER: str(moshi.load)}))


async def ours(simulation: Simulation, _replicas: Replicas, placement: Placement) -> bool | None:
    try:
        placed = await placement.place(simulation.open)
    except NotPlaced:
        return False
    return None if placed.waits else True


async def most_free(simulation: Simulation, replicas: Replicas, _placement: Placement) -> bool | None:
    """The earlier policy: the first of those that had most free slots a second ago, and no second try."""
    best = max(replicas.all, key=lambda one: (one.is_ready, one.load.total - one.load.used if one.load else 0))
    moshi = simulation.moshis[best.endpoint]
    waits = moshi.used >= SLOTS
    try:
        await simulation.open(best, Trial.QUEUE, 1)
    except (OSError, InvalidStatus):
        return False
    return None if waits else True


ALL = REPLICAS * SLOTS


async def test_nearly_full_hardly_anybody_waits_while_a_slot_is_free() -> None:
    outcome = await Simulation(ours, round(ALL * 0.96)).run(60, 600)
    assert outcome.arrivals > 300
    assert outcome.misplaced / outcome.arrivals < 0.04


async def test_clients_of_dead_replicas_find_another_one() -> None:
    """A quarter of the replicas dies at half load, and its clients come again within 2 s."""
    outcome = await Simulation(ours, ALL // 2).run(60, 20, dying=REPLICAS // 4)
    assert outcome.arrivals > 20
    assert outcome.refused == 0


async def test_a_burst_fills_the_free_slots_before_anybody_waits() -> None:
    simulation = Simulation(ours, ALL // 2)
    for _ in range(ALL // 3):
        simulation.at(60 + simulation.chance.random() / 2, simulation._arrive)
    outcome = await simulation.run(60, 1)
    assert (outcome.arrivals >= ALL // 3, outcome.misplaced) == (True, 0)


async def test_the_simulation_can_tell_a_bad_policy() -> None:
    outcome = await Simulation(most_free, round(ALL * 0.96)).run(60, 600)
    assert outcome.misplaced / outcome.arrivals > 0.08
    storm = await Simulation(most_free, ALL // 2).run(60, 20, dying=REPLICAS // 4)
    assert storm.misplaced / storm.arrivals > 0.08
