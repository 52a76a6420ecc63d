from dataclasses import replace
from pathlib import Path

from benchmarks.upstream.course import Answers
from benchmarks.upstream.tables import picture, table
from benchmarks.upstream.trials import Arrival, Flooded, Shutdown
from loadtest.abuse import Ending
from loadtest.client import Conversation
from loadtest.figures import Figures, summarise


def clients(count: int, served: int) -> Figures:
    sent = [0.08 * index for index in range(5)]
    talked = Conversation(
        planned=5,
        due=5,
        connected=True,
        handshake_seconds=0.01,
        sent=sent,
        heard=[moment + 0.02 for moment in sent[1:]],
    )
    return summarise([talked] * served + [Conversation(planned=5, connected=True)] * (count - served), count)


ANSWERS = Answers(
    name="upstream",
    capacity=1,
    start_seconds=3.2,
    alone=clients(1, 1),
    lags_ms=[20.0, 21.0],
    steps=[clients(1, 1), clients(2, 1)],
    second=Arrival(7.0, 7.0, False, ()),
    full=Arrival(3.0, None, False, ()),
    flood_joins=Flooded(clients(1, 1), Ending("flood")),
    flood_first=Flooded(clients(1, 0), Ending("flood", handshake_seconds=0.1)),
    shutdown=Shutdown(None, None, None, "", 90.0),
)


def test_a_step_with_a_client_that_hung_is_not_held() -> None:
    assert ANSWERS.held == 1
    assert replace(ANSWERS, steps=[clients(1, 0)]).held == 0


def test_the_table_says_what_was_found() -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in table([ANSWERS]).splitlines()}
    assert "1 of up to 2 tried" in rows["clients held in real time"]
    assert "1: 100%, 2: 50%" in rows["goodput by clients"]
    assert "handshake after 7.00 s; told: nothing" in rows["second client while one talks"]
    assert "no handshake in 3.00 s" in rows["one client too many"]
    assert "the flood was not let in" in rows["paced client when a 10x flood joins"]
    assert "goodput 0%, lag none |" in rows["paced client that joins a 10x flood"]
    assert "runs on after 90 s" in rows["SIGTERM in a conversation"]


def test_whoever_is_turned_away_is_not_said_to_have_waited() -> None:
    full = Arrival(0.01, None, True, ("1013 full",))
    assert "turned away after 0.01 s; told: 1013 full" in table([replace(ANSWERS, full=full)])


def test_the_picture_is_drawn_even_of_a_server_that_held_nothing(tmp_path: Path) -> None:
    picture([ANSWERS, replace(ANSWERS, name="ours", lags_ms=[], steps=[clients(1, 0)])], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
