"""What is known of each moshi, asked once a second in the background so that no request waits for it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

import httpx
from opentelemetry.metrics import Observation
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from moshi_frontend.discovery import Endpoint
from moshi_frontend.schemes import explain_at, other_scheme
from moshi_frontend.trust import Trust
from moshi_service.health import Health, ObservedHealth
from moshi_service.protocol.info import Model, Slots

log = logging.getLogger(__name__)

PROBE_SECONDS = 1.0
ANSWER_SECONDS = 3.0


DETAIL = 600
"""Longest text that is taken from moshi's health, in characters. The page shows it, and another version of moshi might
send a traceback."""

_HEALTH = TypeAdapter(Health)


class MoshiInfo(BaseModel):
    """moshi's `/api/info`, passed on whole. Only the fields that the frontend reads are declared."""

    model_config = ConfigDict(extra="allow")

    model: Model = Field(description="The model that answers")
    slots: Slots = Field(description="Conversations moshi holds at most, and now")


class Replica:
    """The last that was heard of one moshi."""

    def __init__(self, endpoint: Endpoint, trust: Trust, headers: Mapping[str, str]) -> None:
        self.endpoint = endpoint
        self.health: ObservedHealth = _unreachable("not asked yet")
        self.info: MoshiInfo | None = None
        self._trust = trust
        self._headers = dict(headers)

    @property
    def free_slots(self) -> int:
        return self.info.slots.total - self.info.slots.used if self.info else 0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            before = self._news()
            await self.probe()
            if self._news() != before:
                log.info("moshi at %s is %s: %s", self.endpoint.url, self.health.status, self.health.detail)
            await asyncio.sleep(PROBE_SECONDS)

    def _news(self) -> tuple[str, str, str | None]:
        """What is worth a line in the log when it changes: why it is not reached, but not how far a phase has come."""
        health = self.health
        return health.status, health.phase, health.detail if health.status == "unreachable" else None

    async def probe(self) -> None:
        """Ask once. A new connection each time, because a new conversation needs one too."""
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                httpx.AsyncClient(
                    base_url=self.endpoint.url,
                    verify=self._trust.context() if self.endpoint.is_tls else False,
                    timeout=ANSWER_SECONDS,
                    headers=self._headers,
                    trust_env=False,  # moshi is next door; a proxy for the internet does not lead there
                ) as client,
            ):
                answer = await client.get("/health")
                if answer.status_code == 421:
                    self._lost("it does not know the name in its URL; list the name in MOSHI_ALLOWED_HOSTS there")
                    return
                health = _bounded(_HEALTH.validate_json(answer.content))
                answer = await client.get("/api/info")
                if answer.status_code == 401:
                    self._lost("it asks for a token; set MOSHI_API_TOKEN to the same here and there")
                    return
                info = MoshiInfo.model_validate_json(answer.content)
        except ValidationError:
            other = await other_scheme(self.endpoint)
            self._lost(other or "something answers there, but not as moshi does; is the URL right?")
        except Exception as error:  # one that nobody foresaw must not end `watch`
            self._lost(await explain_at(self.endpoint, error))
        else:
            self.health, self.info = health, info

    def _lost(self, detail: str) -> None:
        self.health, self.info = _unreachable(detail), None


class Replicas:
    """Every moshi there is, at least one."""

    def __init__(self, endpoints: tuple[Endpoint, ...], trust: Trust, headers: Mapping[str, str]) -> None:
        """`headers`: sent with every request."""
        self._replicas = tuple(Replica(endpoint, trust, headers) for endpoint in endpoints)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(replica.endpoint for replica in self._replicas)

    def best(self) -> Replica:
        """The ready one with the most free slots; the first one while none is ready."""
        return max(self._replicas, key=lambda replica: (replica.health.status == "ready", replica.free_slots))

    def observed(self) -> list[Observation]:
        """Of each, whether it is ready."""
        return [
            Observation(int(replica.health.status == "ready"), {"url": replica.endpoint.url})
            for replica in self._replicas
        ]

    async def watch(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for replica in self._replicas:
                tasks.create_task(replica.watch())


def _unreachable(detail: str) -> ObservedHealth:
    return ObservedHealth("unreachable", "waiting for moshi", None, detail)


def _bounded(health: Health) -> Health:
    """With one line of limited length for each text."""
    return replace(health, phase=_cut(health.phase), detail=_cut(health.detail))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= DETAIL else f"{line[: DETAIL - 2]} …"
