"""One conversation among several moshis: who is tried, and what a refusal leads to."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_frontend.placement import ANSWER_SECONDS, LAST_ANSWER_SECONDS, NotPlaced, Placed, Placement
from moshi_frontend.replica import MoshiInfo, Replica
from moshi_frontend.replicas import Replicas
from moshi_frontend.telemetry import metrics
from moshi_service.health import Health
from moshi_service.protocol.info import Model, Slots
from moshi_service.protocol.upgrade import LOAD_HEADER, STATUS, Denial, Load, Trial

MODEL = Model(id="fake", revision=None, demo=True)

pytestmark = pytest.mark.anyio

READY = Health("ready", "ready", 1.0, "serving")


class Fleet:
    """Moshis that answer an upgrade by their `answers`: a load if they accept, a denial, or an error."""

    def __init__(self, number: int, *, tries: int = 3, poll_most: int = 64, is_known: bool = True) -> None:
        endpoints = [Endpoint("http://moshi:8998", (f"127.0.1.{n}", 1)) for n in range(1, number + 1)]
        self.replicas = Replicas(endpoints, poll_most=poll_most, chance=random.Random(3))
        self.answers: dict[Replica, Load | Denial | Exception] = {}
        self.opened: list[tuple[Replica, Trial, float]] = []
        self.asked: list[Replica] = []
        self.looked_at: list[Replica] = []
        self.placement = Placement(self.replicas, self.ask, self.looked_at.append, tries)
        for replica in self.replicas.all:
            self.answers[replica] = Load(1, 4)
            if is_known:
                self.answer(replica)

    def answer(self, replica: Replica) -> None:
        replica.answered(MoshiInfo(model=MODEL, health=READY, slots=Slots(total=4, used=0)), 0.0)

    def all_answer(self, answer: Load | Denial | Exception) -> None:
        self.answers = dict.fromkeys(self.replicas.all, answer)

    async def ask(self, replica: Replica) -> None:
        self.asked.append(replica)
        self.answer(replica)

    async def open(self, replica: Replica, trial: Trial, seconds: float) -> Any:
        assert replica.pending == 1
        self.opened.append((replica, trial, seconds))
        answer = self.answers[replica]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Denial):
            headers = Headers({LOAD_HEADER: "4/4/0"}) if answer.cause == "full" else Headers()
            status = STATUS.get(answer.cause, 503)
            raise InvalidStatus(Response(status, "", headers, answer.model_dump_json().encode()))
        return SimpleNamespace(response=SimpleNamespace(headers={LOAD_HEADER: str(answer)}))

    async def place(self) -> Placed:
        try:
            return await self.placement.place(self.open)
        finally:
            assert all(replica.pending == 0 for replica in self.replicas.all), "the own count returns to zero"

    async def refusal(self) -> NotPlaced:
        with pytest.raises(NotPlaced) as refused:
            await self.place()
        return refused.value

    @property
    def trials(self) -> list[Trial]:
        return [trial for _, trial, _ in self.opened]


def denial(cause: str, code: int = 1013, retry_after: int | None = None) -> Denial:
    return Denial(cause=cause, code=code, reason=f"{cause}: why", retry_after=retry_after)


def bare(status: int) -> InvalidStatus:
    """The answer of something that is not moshi."""
    return InvalidStatus(Response(status, "", Headers(), b"<html>"))


async def test_the_first_that_accepts_has_the_conversation() -> None:
    fleet = Fleet(4)
    placed = await fleet.place()
    assert fleet.opened == [(placed.replica, Trial.SLOT, ANSWER_SECONDS)]
    assert (placed.replica.load, placed.waits) == (Load(1, 4), False)


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
        denial("full"),
        denial("starting"),
        denial("draining"),
        denial("failed"),
        bare(502),
        bare(503),
        bare(504),
    ],
    ids=str,
)
async def test_another_one_is_tried_after(failure: Denial | Exception) -> None:
    fleet = Fleet(3)
    fleet.all_answer(failure)
    good = fleet.replicas.all[1]
    fleet.answers[good] = Load(1, 4)
    places = [await fleet.place() for _ in range(8)]
    assert {placed.replica for placed in places} == {good}


@pytest.mark.parametrize(
    ("cause", "code"), [("setting", 4001), ("token", 4003), ("origin", 1008), ("host", 1008), ("address", 1013)]
)
async def test_no_other_is_tried_after_a_refusal_that_all_would_give(cause: str, code: int) -> None:
    fleet = Fleet(4)
    fleet.all_answer(denial(cause, code))
    refused = await fleet.refusal()
    assert len(fleet.opened) == 1
    assert (refused.cause, refused.close.code, refused.close.reason) == ("moshi", code, f"{cause}: why")
    assert refused.moshis_cause == cause


async def test_the_metric_of_tries_has_no_text_of_moshis(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(metrics, "TRIES", SimpleNamespace(add=lambda _, labels: counted.append(labels["outcome"])))
    for cause in ("full", "starting", "a cause of a later version"):
        fleet = Fleet(1)
        fleet.all_answer(denial(cause))
        await fleet.refusal()
    assert sorted({*counted}) == ["full", "other", "starting"]


async def test_something_that_is_not_moshi_is_named() -> None:
    fleet = Fleet(1)
    fleet.all_answer(bare(404))
    refused = await fleet.refusal()
    assert refused.close.reason.endswith("it answers 404, so it is not moshi")


@pytest.mark.parametrize(("replicas", "tries", "tried"), [(2, 3, 2), (7, 3, 7), (8, 3, 3), (30, 5, 5), (1, 1, 1)])
async def test_so_many_are_tried_each_once(replicas: int, tries: int, tried: int) -> None:
    fleet = Fleet(replicas, tries=tries)
    fleet.all_answer(denial("draining"))
    await fleet.refusal()
    assert len({replica for replica, _, _ in fleet.opened}) == len(fleet.opened) == tried


async def test_the_last_one_has_more_time_to_answer() -> None:
    fleet = Fleet(2)
    fleet.all_answer(TimeoutError())
    await fleet.refusal()
    assert [seconds for _, _, seconds in fleet.opened] == [ANSWER_SECONDS, LAST_ANSWER_SECONDS]


async def test_one_that_is_not_reached_is_looked_at_and_not_chosen_again() -> None:
    fleet = Fleet(2)
    dead, alive = fleet.replicas.all
    fleet.answers[dead] = ConnectionRefusedError(111, "refused")
    for _ in range(8):
        assert (await fleet.place()).replica is alive
    assert fleet.looked_at == [dead]


async def test_if_all_are_full_the_client_waits_in_the_shortest_queue() -> None:
    fleet = Fleet(3)
    fleet.all_answer(denial("full"))
    short = fleet.replicas.all[2]

    async def open_(replica: Replica, trial: Trial, seconds: float) -> Any:
        if trial is Trial.QUEUE:
            fleet.answers[replica] = Load(4, 4, 2)
        elif replica is not short:
            replica.hear(Load(4, 4, 5), float("inf"))
        return await fleet.open(replica, trial, seconds)

    placed = await fleet.placement.place(open_)
    assert fleet.trials == [Trial.SLOT] * 3 + [Trial.QUEUE]
    assert (placed.replica, placed.waits) == (short, True)


async def test_if_the_queues_are_full_too_the_soonest_time_to_come_back_is_told() -> None:
    fleet = Fleet(3)
    for seconds, replica in zip((40, 20, 30), fleet.replicas.all, strict=True):
        fleet.answers[replica] = denial("full", retry_after=seconds)
    refused = await fleet.refusal()
    assert fleet.trials == [Trial.SLOT] * 3 + [Trial.QUEUE] * 3
    assert (refused.close.reason, refused.close.retry_after) == ("full: why", 20)


async def test_when_none_is_known_to_be_ready_they_are_tried_because_one_may_be() -> None:
    fleet = Fleet(3, is_known=False)
    fleet.all_answer(ConnectionRefusedError(111, "refused"))
    fleet.answers[fleet.replicas.all[0]] = Load(1, 4)
    assert (await fleet.place()).replica is fleet.replicas.all[0]


async def test_without_any_replica_the_client_learns_why() -> None:
    fleet = Fleet(0)
    fleet.replicas.update([], errors.dns_failed("name or service not known"))
    refused = await fleet.refusal()
    assert refused.close.reason == "moshi is not reachable at https://moshi: DNS: name or service not known"


async def test_of_many_the_two_candidates_are_asked_first() -> None:
    fleet = Fleet(9, poll_most=4, is_known=False)
    placed = await fleet.place()
    assert len(fleet.asked) == 2
    assert placed.replica in fleet.asked


async def test_a_waiting_client_moves_only_to_a_known_free_slot() -> None:
    fleet = Fleet(2)
    here, there = fleet.replicas.all
    placed = Placed(here, SimpleNamespace(), waits=True)  # type: ignore[arg-type]
    there.hear(Load(4, 4), 1.0)
    assert await fleet.placement.move(placed, fleet.open) is None
    there.hear(Load(3, 4), 2.0)
    moved = await fleet.placement.move(placed, fleet.open)
    assert moved is not None and moved.replica is there
    fleet.answers[there] = denial("full")
    there.hear(Load(3, 4), 3.0)
    assert await fleet.placement.move(placed, fleet.open) is None
