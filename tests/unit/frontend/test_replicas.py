"""What is known of each moshi, and which one is chosen."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_frontend.replica import MoshiInfo, Replica
from moshi_frontend.replicas import STATES, Replicas
from moshi_service.health import Health
from moshi_service.protocol.info import Model, Slots
from moshi_service.protocol.upgrade import Denial, Load

MODEL = Model(id="fake", revision=None, demo=True)


def endpoints(number: int) -> list[Endpoint]:
    return [Endpoint("http://moshi:8998", (f"10.0.{n // 256}.{n % 256}", 8998)) for n in range(number)]


def answer(replica: Replica, used: int = 0, total: int = 4, *, status: str = "ready", queue: int = 0) -> None:
    """The replica answers a probe."""
    health = Health(status, status, None, "words")  # type: ignore[arg-type]
    replica.answered(MoshiInfo(model=MODEL, health=health, slots=Slots(total=total, used=used), queue=queue), 1.0)


def fleet(*used: int, poll_most: int = 64, seed: int = 1) -> Replicas:
    """Replicas with four slots each, so many of them in use."""
    replicas = Replicas(endpoints(len(used)), poll_most=poll_most, chance=random.Random(seed))
    for replica, number in zip(replicas.all, used, strict=True):
        answer(replica, number)
    return replicas


@given(
    states=st.lists(st.sampled_from(STATES), min_size=1, max_size=12),
    tried=st.sets(st.integers(0, 11)),
    seed=st.integers(0, 1000),
)
def test_the_choice_is_ready_and_was_not_tried(states: list[str], tried: set[int], seed: int) -> None:
    replicas = Replicas(endpoints(len(states)), chance=random.Random(seed))
    for replica, state in zip(replicas.all, states, strict=True):
        if state != "unreachable":
            answer(replica, status=state)
    excluded = {replica for number, replica in enumerate(replicas.all) if number in tried}
    possible = [one for one in replicas.all if one.health.status == "ready" and one not in excluded]
    for chosen in (replicas.pick(excluded), replicas.shortest_queue(excluded)):
        assert chosen in possible if possible else chosen is None


def test_of_two_the_one_with_more_room_is_chosen() -> None:
    replicas = fleet(3, 1)
    assert {replicas.pick(set()) for _ in range(20)} == {replicas.all[1]}


def test_a_client_on_its_way_counts_until_moshi_has_answered() -> None:
    (replica,) = fleet(1).all
    assert replica.room == 3
    replica.pending += 1
    assert replica.room == 2
    replica.hear(Load(used=2, total=4), asked_at=2.0)
    replica.pending -= 1
    assert (replica.room, replica.pending) == (2, 0)


def test_an_answer_to_an_earlier_question_does_not_hide_a_later_one() -> None:
    (replica,) = fleet(0).all
    replica.hear(Load(used=4, total=4), asked_at=3.0)
    replica.hear(Load(used=3, total=4), asked_at=2.0)
    assert replica.room == 0


def test_a_moshi_that_does_not_tell_its_load_is_counted_here() -> None:
    (replica,) = fleet(1).all
    replica.accepted(asked_at=2.0)
    assert replica.room == 2


def test_those_who_wait_take_room() -> None:
    replicas = fleet(4, 4)
    answer(replicas.all[0], 4, queue=2)
    answer(replicas.all[1], 4, queue=1)
    assert replicas.shortest_queue(set()) is replicas.all[1]
    assert replicas.shortest_queue({replicas.all[1]}) is replicas.all[0]


@pytest.mark.parametrize("cause", ["starting", "draining", "failed"])
def test_a_moshi_that_denies_because_of_its_health_gets_nobody_else(cause: str) -> None:
    replicas = fleet(0)
    replicas.all[0].denied(Denial(cause=cause, code=1013, reason=f"{cause}: so it is"))
    assert replicas.pick(set()) is None
    answer(replicas.all[0])
    assert replicas.pick(set()) is replicas.all[0]


def test_a_full_moshi_stays_one_that_may_serve() -> None:
    replicas = fleet(0)
    replicas.all[0].denied(Denial(cause="full", code=1013, reason="full"))
    assert replicas.pick(set()) is replicas.all[0]


def test_a_lost_moshi_gets_nobody_until_it_answers() -> None:
    replicas = fleet(0, 0)
    replicas.all[0].lost(errors.connection_failed("connection refused"))
    assert {replicas.pick(set()) for _ in range(20)} == {replicas.all[1]}
    assert replicas.hope({replicas.all[1]}) is replicas.all[0]
    answer(replicas.all[0])
    assert {replicas.pick(set()) for _ in range(20)} == set(replicas.all)


def test_one_that_dns_no_longer_names_is_not_chosen_and_the_others_keep_their_news() -> None:
    replicas = fleet(0, 2)
    gone, kept = replicas.all
    replicas.update([kept.endpoint, Endpoint("http://moshi:8998", ("10.9.9.9", 8998))])
    assert gone not in replicas.all
    assert replicas.pick(set()) is kept  # the new one was not asked yet


def test_while_none_is_known_the_page_shows_why() -> None:
    replicas = Replicas([], stand_in=Endpoint("http://moshi:8998"))
    assert replicas.pick(set()) is None
    replicas.update([], errors.dns_failed("name or service not known"))
    shown = replicas.shown()
    assert shown.endpoint.url == "http://moshi:8998"
    assert (shown.health.status, shown.health.phase) == ("unreachable", "waiting for moshi")
    assert shown.health.detail == "DNS: name or service not known"


def test_the_metric_counts_by_state_and_has_no_series_for_each_replica() -> None:
    replicas = fleet(0, 0, 0)
    answer(replicas.all[0], status="draining")
    counted = {str(one.attributes["state"]): one.value for one in replicas.observed() if one.attributes}
    assert counted == {"starting": 0, "ready": 2, "draining": 1, "failed": 0, "unreachable": 0}


def test_a_few_are_all_probed() -> None:
    replicas = fleet(0, 0, 0)
    assert set(replicas.deck()) == set(replicas.all)


def test_of_many_some_are_probed_and_first_those_that_are_not_ready() -> None:
    replicas = fleet(*[0] * 10, poll_most=4)
    replicas.all[7].lost(errors.no_answer())
    for _ in range(5):
        deck = replicas.deck()
        assert len(deck) == len(set(deck)) == 4
        assert replicas.all[7] in deck


def test_of_many_one_that_was_not_asked_yet_may_serve() -> None:
    few, many = Replicas(endpoints(4), poll_most=4), Replicas(endpoints(5), poll_most=4)
    assert few.candidates(set()) == []
    assert len(many.candidates(set())) == 2
