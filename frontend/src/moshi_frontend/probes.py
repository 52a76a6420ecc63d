"""Asks each moshi in the background how it is, so that no client waits for that."""

import asyncio
import random
import ssl
from collections.abc import Mapping

import httpx
from pydantic import ValidationError

from moshi_frontend.errors import moshi as errors
from moshi_frontend.replica import MoshiInfo, Replica
from moshi_frontend.replicas import Replicas
from moshi_frontend.schemes import explain_at, other_scheme
from moshi_frontend.trust import Trust

ROUND_SECONDS = 1.0
"""Each replica is asked once in this time, unless there are very many."""

PROBES_PER_SECOND = 50.0
"""At most. A probe takes about 2 ms of a core."""

SPREAD = (0.75, 1.25)
"""Factors on the time between two probes, so that frontends do not ask together."""

ANSWER_SECONDS = 3.0
PHASE_SECONDS = 2.0
"""For each phase of a probe: the connection, its TLS, the answer. It is shorter than the whole, because httpx closes
the socket of a phase that takes too long, and leaves it open if the task is cancelled during the TLS handshake."""

FINISH_SECONDS = 1.0
"""For the probes that are under way when the service stops, for the same reason."""

KEEP_SECONDS = 4.0
"""How long a connection is kept for the next probe. moshi closes one after 5 s."""


def round_seconds(replicas: int) -> float:
    """The time in which each of so many replicas, or a share of them, is asked once."""
    return max(ROUND_SECONDS, replicas / PROBES_PER_SECOND)


class Prober:
    """
    Args:
        headers: sent with every request.
    """

    def __init__(self, trust: Trust, headers: Mapping[str, str]) -> None:
        self._trust = trust
        self._headers = dict(headers)
        self._clients: dict[ssl.SSLContext | None, httpx.AsyncClient] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._asking: set[Replica] = set()

    async def watch(self, replicas: Replicas) -> None:
        """Until cancelled."""
        seen: set[Replica] = set()
        try:
            while True:
                deck = replicas.deck()
                if not replicas.are_many:
                    for replica in set(deck) - seen:  # new ones at once
                        self.look(replica)
                    seen = set(deck)
                pause = round_seconds(len(replicas)) / max(1, len(deck))
                for replica in deck:
                    await asyncio.sleep(pause * random.uniform(*SPREAD))
                    self.look(replica)
                if not deck:
                    await asyncio.sleep(pause)
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=FINISH_SECONDS)
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        for client in self._clients.values():
            await client.aclose()

    async def ask(self, replica: Replica) -> None:
        """One probe: one request on a kept connection."""
        endpoint = replica.endpoint
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                client = await self._client(self._trust.context() if endpoint.is_tls else None)
                answer = await client.get(
                    endpoint.direct_url("/api/info"),
                    headers=self._headers | {"Host": endpoint.authority},
                    extensions={"sni_hostname": endpoint.host},
                )
            if answer.status_code == 421:
                replica.lost(errors.name_unknown())
            elif answer.status_code == 401:
                replica.lost(errors.asks_for_token())
            else:
                replica.answered(MoshiInfo.model_validate_json(answer.content), asked_at)
        except ValidationError:
            other = await other_scheme(endpoint)
            replica.lost(other or errors.not_moshi())
        except Exception as error:  # one that nobody foresaw must not end `watch`
            replica.lost(await explain_at(endpoint, error))

    def look(self, replica: Replica) -> None:
        """Begin a probe, unless one is under way."""
        if replica not in self._asking:
            self._asking.add(replica)
            task = asyncio.create_task(self._finish(replica))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _finish(self, replica: Replica) -> None:
        try:
            await self.ask(replica)
        finally:
            self._asking.discard(replica)

    async def _client(self, context: ssl.SSLContext | None) -> httpx.AsyncClient:
        """Keeps connections. A new one replaces it when the authority was read again."""
        if context not in self._clients:
            for old in [known for known in self._clients if known is not None and context is not None]:
                await self._clients.pop(old).aclose()
            self._clients[context] = httpx.AsyncClient(
                verify=False if context is None else context,
                timeout=PHASE_SECONDS,
                limits=httpx.Limits(keepalive_expiry=KEEP_SECONDS),
                trust_env=False,  # moshi is next door; a proxy for the internet does not lead there
            )
        return self._clients[context]
