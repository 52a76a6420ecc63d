"""All the questions, put to one server."""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.upstream import trials
from benchmarks.upstream.servers import Server
from benchmarks.upstream.trials import Arrival, Flooded, Shutdown
from loadtest.figures import Figures
from scenario6_client.audio import encode, noise


@dataclass(frozen=True)
class Effort:
    """The extent of a benchmark. Times are seconds."""

    counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    step: float = 8.0
    alone: float = 20.0
    together: float = 8.0
    """The first client's conversation when a second one comes, and the paced one's beside a flood."""
    full: float = 3.0
    """Patience of the client that is one too many."""
    exit: float = 140.0
    """Patience with a server that was told to end."""


QUICK = Effort(counts=(1, 2), step=2.0, alone=2.0, together=2.0, full=1.0, exit=2.0)


@dataclass(frozen=True)
class Answers:
    """One server's."""

    name: str
    capacity: int
    start_seconds: float
    alone: Figures
    lags_ms: list[float]
    """Each frame's, of the client alone."""
    steps: list[Figures]
    second: Arrival
    full: Arrival
    flood_joins: Flooded
    flood_first: Flooded
    shutdown: Shutdown

    @property
    def held(self) -> int:
        """The most clients at a time that all had their conversation in real time."""
        return max((step.sessions for step in self.steps if step.held), default=0)


async def take(start: AbstractContextManager[Server], effort: Effort) -> Answers:
    """Start the server, ask it everything, end it."""
    # A flood needs ten times its length, and whoever talks into a shutdown all of its patience.
    speech = encode(noise(max(effort.alone, 10 * (effort.together + 1), effort.exit) + 5))
    with start as server:

        def say(words: str) -> None:
            print(f"{server.name}: {words}", file=sys.stderr, flush=True)

        say("starting")
        start_seconds = round(await trials.until_ready(server), 1)
        say("one client")
        alone, outcome = await trials.clients(server, speech, 1, effort.alone)
        say("more and more clients")
        steps = await trials.steps(server, speech, effort.counts, effort.step)
        say("a second client, and one too many")
        second = await trials.second_client(server, speech, effort.together)
        full = await trials.one_too_many(server, effort.full)
        say("a flood")
        joins = await trials.flood_joins(server, speech, effort.together)
        first = await trials.flood_first(server, speech, effort.together)
        say("SIGTERM")
        ended = await trials.shutdown(server, speech, effort.exit)
    lags = [round(lag * 1000, 1) for conversation in outcome.conversations for lag in conversation.lags()]
    return Answers(server.name, server.capacity, start_seconds, alone, lags, steps, second, full, joins, first, ended)
