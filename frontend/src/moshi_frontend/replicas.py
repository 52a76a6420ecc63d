"""Every moshi that there is, and the choice of one for a conversation. Pure: it asks nobody."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import get_args

from opentelemetry.metrics import Observation

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.replica import Replica, unreachable
from moshi_service.errors import Problem
from moshi_service.health import Status

STATES = (*get_args(Status), "unreachable")


class Replicas:
    """
    Args:
        endpoints: those that are known from the start.
        stand_in: is shown while none is known.
        poll_most: beyond so many replicas only some are probed, and a replica counts as ready until it was asked.
        chance: draws the candidates.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        *,
        stand_in: Endpoint | None = None,
        poll_most: int = 64,
        chance: random.Random | None = None,
    ) -> None:
        self._replicas = {endpoint: Replica(endpoint) for endpoint in endpoints}
        self._poll_most = poll_most
        self._chance = chance or random.Random()
        self._none = Replica(stand_in or Endpoint("https://moshi"))

    def __len__(self) -> int:
        return len(self._replicas)

    @property
    def all(self) -> Sequence[Replica]:
        """Every replica, in the order in which they were given."""
        return tuple(self._replicas.values())

    @property
    def are_many(self) -> bool:
        """Whether there are too many to follow each. The candidates for a conversation are then asked first."""
        return len(self._replicas) > self._poll_most

    def update(self, endpoints: Iterable[Endpoint], why_none: Problem | None = None) -> None:
        """There are these now. Conversations with a replica that is gone go on. `why_none`: if there is none."""
        kept = self._replicas
        self._replicas = {endpoint: kept.get(endpoint) or Replica(endpoint) for endpoint in endpoints}
        if why_none is not None:
            self._none.health = unreachable(why_none)

    def candidates(self, tried: AbstractSet[Replica]) -> list[Replica]:
        """Two at random, of those that are ready and not tried; fewer if there are fewer."""
        pool = [replica for replica in self._replicas.values() if replica not in tried and self._may_serve(replica)]
        return self._chance.sample(pool, min(2, len(pool)))

    def pick(self, tried: AbstractSet[Replica]) -> Replica | None:
        """The candidate with more room; None if there is none."""
        return roomiest(self.candidates(tried))

    def shortest_queue(self, tried: AbstractSet[Replica]) -> Replica | None:
        """Where a client who has to wait is next the soonest, of those that are ready and not tried."""
        ready = [replica for replica in self._replicas.values() if replica not in tried and replica.is_ready]
        return max(ready, key=lambda replica: (replica.room, self._chance.random()), default=None)

    def hope(self, tried: AbstractSet[Replica]) -> Replica | None:
        """One that is not tried, for when none is ready: it may have become ready since it was asked."""
        pool = [replica for replica in self._replicas.values() if replica not in tried]
        return self._chance.choice(pool) if pool else None

    def shown(self) -> Replica:
        """The one that stands for all on the page: a ready one with the most room, or the first one."""
        shown = max(self._replicas.values(), key=lambda one: (one.is_ready, one.room), default=None)
        return shown or self._none

    def observed(self) -> list[Observation]:
        """The number of replicas in each state."""
        counts = Counter(replica.health.status for replica in self._replicas.values())
        return [Observation(counts[state], {"state": state}) for state in STATES]

    def deck(self) -> list[Replica]:
        """The replicas to probe in one round, in random order: all, or of many so many that matter most.

        Of many these are the ones that are known not to be ready, because nobody is sent there, and some others.
        """
        replicas = list(self._replicas.values())
        self._chance.shuffle(replicas)
        if self.are_many:
            replicas.sort(key=self._may_serve)
        return replicas[: self._poll_most]

    def _may_serve(self, replica: Replica) -> bool:
        return replica.is_ready or (self.are_many and not replica.asked)


def roomiest(candidates: Iterable[Replica]) -> Replica | None:
    """The one with the most room; None if there is none."""
    return max(candidates, key=lambda replica: replica.room, default=None)
