"""Finds a moshi for a conversation: two are drawn, the one with more room is tried, and after a refusal another one."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from opentelemetry import trace
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from moshi_frontend.closing import CloseFrame
from moshi_frontend.errors import conversations as errors
from moshi_frontend.errors import moshi as reasons
from moshi_frontend.replica import Replica
from moshi_frontend.replicas import Replicas, roomiest
from moshi_frontend.schemes import explain_at
from moshi_frontend.telemetry import metrics
from moshi_frontend.trust import explain
from moshi_service.errors import Problem
from moshi_service.protocol.upgrade import CAUSES, LOAD_HEADER, STATUS, Denial, Load, Trial
from moshi_service.protocol.wire import CloseCode

PLACE_SECONDS = 3.0
"""After this time no other moshi is tried."""

ANSWER_SECONDS = 2.0
"""For the answer of a moshi, if there is another one to try."""

LAST_ANSWER_SECONDS = 5.0
"""For the answer of the last one."""

FEW_REPLICAS = 8
"""Of fewer replicas, all are tried."""

ELSEWHERE = (502, 503, 504)
"""HTTP status of an answer after which another moshi may accept the client."""

type Open = Callable[[Replica, Trial, float], Awaitable[ClientConnection]]
"""Opens a conversation with a moshi within so many seconds."""

type _Choose = Callable[[AbstractSet[Replica]], Awaitable[Replica | None]]


@dataclass(frozen=True)
class Placed:
    """A conversation that a moshi has accepted.

    Attributes:
        waits: whether the client has to wait for a slot there.
    """

    replica: Replica
    connection: ClientConnection
    waits: bool


class NotPlaced(Exception):
    """No moshi accepts the conversation.

    Args:
        cause: for the metric.
        close: for the client.
        moshis_cause: the cause of the denial, if a moshi answered.
    """

    def __init__(self, cause: str, close: CloseFrame, moshis_cause: str | None = None) -> None:
        super().__init__(close.text)
        self.problem = Problem(close.error, close.text) if close.error else close.text
        self.cause = cause
        self.close = close
        self.moshis_cause = moshis_cause

    @property
    def clients_cause(self) -> str:
        """The cause in a refusal of the client. moshi's checks of token, host and address are about this service, so
        the client must not take them for its own."""
        return self.cause if self.moshis_cause is None or self.moshis_cause in STATUS else self.moshis_cause


@dataclass
class _Refused(Exception):
    """One moshi does not take the client: it denied the upgrade, or `error` says why it was not reached."""

    replica: Replica
    denial: Denial | None = None
    error: Exception | None = None

    @property
    def is_full(self) -> bool:
        """Whether it has neither a slot nor, if asked for one, a place to wait."""
        return self.denial is not None and self.denial.cause == "full"


class Placement:
    """
    Args:
        ask: probes a replica now.
        look: probes a replica soon, without waiting.
        tries: replicas that are tried for one conversation, at most.
    """

    def __init__(
        self,
        replicas: Replicas,
        ask: Callable[[Replica], Awaitable[None]],
        look: Callable[[Replica], None],
        tries: int,
    ) -> None:
        self._replicas = replicas
        self._ask = ask
        self._look = look
        self._tries = tries

    async def place(self, open_: Open) -> Placed:
        """A slot with one of the replicas, or else a place in the shortest queue.

        Raises:
            NotPlaced: none of those that were tried accepts the client.
        """
        until = asyncio.get_running_loop().time() + PLACE_SECONDS
        placed, refusals = await self._try(self._pick, Trial.SLOT, open_, until)
        if placed is None and any(refusal.is_full for refusal in refusals):
            placed, refusals = await self._try(self._shortest_queue, Trial.QUEUE, open_, until)
        if placed is None and not refusals:
            placed, refusals = await self._try(self._hope, Trial.QUEUE, open_, until)
        if placed is not None:
            return placed
        if refusals:
            raise await _not_placed(min(refusals, key=_helpfulness))
        shown = self._replicas.shown()
        raise _not_reached(shown, shown.problem)

    async def move(self, placed: Placed, open_: Open) -> Placed | None:
        """A slot with another replica for a client that waits; None while nobody is known to have one."""
        replica = self._replicas.pick({placed.replica})
        if replica is None or replica.room <= 0:
            return None
        try:
            return await self._open(replica, Trial.SLOT, open_, ANSWER_SECONDS)
        except (_Refused, NotPlaced):
            return None

    def doubt(self, replica: Replica) -> None:
        """A conversation broke. Nobody is sent there until a probe succeeds."""
        replica.lost(reasons.conversation_lost())
        self._look(replica)

    async def _try(
        self,
        choose: Callable[[AbstractSet[Replica]], Awaitable[Replica | None]],
        trial: Trial,
        open_: Open,
        until: float,
    ) -> tuple[Placed | None, list[_Refused]]:
        loop = asyncio.get_running_loop()
        most = max(self._tries, len(self._replicas) if len(self._replicas) < FEW_REPLICAS else 0)
        tried: set[Replica] = set()
        refusals: list[_Refused] = []
        while len(tried) < most and (loop.time() < until or not tried):
            if (replica := await choose(tried)) is None:
                break
            tried.add(replica)
            is_last = len(tried) == min(most, len(self._replicas))
            try:
                return await self._open(replica, trial, open_, LAST_ANSWER_SECONDS if is_last else ANSWER_SECONDS), []
            except _Refused as refused:
                refusals.append(refused)
        return None, refusals

    async def _pick(self, tried: AbstractSet[Replica]) -> Replica | None:
        if not self._replicas.are_many:
            return self._replicas.pick(tried)
        candidates = self._replicas.candidates(tried)
        await asyncio.gather(*map(self._ask, candidates))
        return roomiest(one for one in candidates if one.is_ready) or self._replicas.pick(tried)

    async def _shortest_queue(self, tried: AbstractSet[Replica]) -> Replica | None:
        return self._replicas.shortest_queue(tried)

    async def _hope(self, tried: AbstractSet[Replica]) -> Replica | None:
        return self._replicas.hope(tried)

    async def _open(self, replica: Replica, trial: Trial, open_: Open, seconds: float) -> Placed:
        """
        Raises:
            _Refused: another replica may take the client.
            NotPlaced: no replica will.
        """
        asked_at = asyncio.get_running_loop().time()
        replica.pending += 1
        try:
            connection = await open_(replica, trial, seconds)
        except InvalidStatus as answer:
            raise await self._denied(replica, answer, asked_at) from None
        except (OSError, InvalidHandshake, InvalidMessage) as error:
            raise self._unreachable(replica, error) from None
        finally:
            replica.pending -= 1
        response = connection.response
        load = Load.parse(response.headers.get(LOAD_HEADER)) if response else None
        replica.hear(load, asked_at) if load else replica.accepted(asked_at)
        _note(replica, "accepted")
        # Nobody waits at a moshi while it has a free slot.
        return Placed(replica, connection, waits=trial is Trial.QUEUE and load is not None and load.queued > 0)

    async def _denied(self, replica: Replica, answer: InvalidStatus, asked_at: float) -> _Refused | NotPlaced:
        response = answer.response
        if load := Load.parse(response.headers.get(LOAD_HEADER)):
            replica.hear(load, asked_at)
        try:
            denial = Denial.model_validate_json(response.body or b"")
        except ValidationError:
            refused = self._unreachable(replica, answer)
            return refused if response.status_code in ELSEWHERE else await _not_placed(refused)
        _note(replica, denial.cause if denial.cause in CAUSES else "other")
        refused = _Refused(replica, denial)
        if response.status_code not in ELSEWHERE:
            return await _not_placed(refused)
        replica.denied(denial)
        return refused

    def _unreachable(self, replica: Replica, error: Exception) -> _Refused:
        _note(replica, "unreachable")
        if replica.is_ready:  # else a probe has explained it better
            replica.lost(explain(error))
        self._look(replica)
        return _Refused(replica, error=error)


def _helpfulness(refused: _Refused) -> tuple[bool, float]:
    """A moshi that is full tells more than one that is away; the soonest time to come back is the best."""
    after = refused.denial.retry_after if refused.denial else None
    return not refused.is_full, float("inf") if after is None else after


async def _not_placed(refused: _Refused) -> NotPlaced:
    """The end for the client. To explain an error may take a second, so only this one is explained."""
    if (denial := refused.denial) is not None:
        close = CloseFrame(denial.code, denial.reason, denial.retry_after, denial.error)
        return NotPlaced("moshi", close, denial.cause)
    assert refused.error is not None
    return _not_reached(refused.replica, await explain_at(refused.replica.endpoint, refused.error))


def _not_reached(replica: Replica, why: object) -> NotPlaced:
    problem = errors.moshi_unreachable(str(replica.endpoint), why)
    return NotPlaced("unreachable", CloseFrame.of(CloseCode.TRY_LATER, problem))


def _note(replica: Replica, outcome: str) -> None:
    metrics.TRIES.add(1, {"outcome": outcome})
    trace.get_current_span().add_event("tried moshi", {"server.address": str(replica.endpoint), "outcome": outcome})
