import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.client import Conversation
from loadtest.figures import Spread, deficit, ends, first_audio, goodput, outcome, spread, summarise, underruns
from loadtest.told import told
from moshi_service.protocol.events import QueueEvent, StatsEvent, WarningEvent

ON_TIME = [5.0, 5.08, 5.16, 5.24]


def served(planned: int = 5, heard: int = 4) -> Conversation:
    sent = [1.0 + 0.08 * index for index in range(planned)]
    return Conversation(
        planned=planned,
        due=planned,
        connected=True,
        handshake_seconds=0.01,
        sent=sent,
        heard=[moment + 0.03 for moment in sent[1 : heard + 1]],
    )


REFUSED = Conversation(planned=5, connected=True, close_code=1013, close_reason="full", ended_by_server=True)
HUNG = Conversation(planned=5, connected=True)
UNREACHABLE = Conversation(planned=5, error="Connection refused")


def test_lag_counts_from_the_input_that_an_answer_needs() -> None:
    conversation = Conversation(sent=[0.0, 0.08, 0.16], heard=[0.10, 0.20])
    assert conversation.lags() == pytest.approx([0.02, 0.04])


def test_a_spread_is_in_milliseconds() -> None:
    assert spread(value / 1000 for value in range(101)) == Spread(101, 50.0, 95.0, 99.0, 100.0)
    assert spread([]) is None


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (served(), "served"),
        (REFUSED, "refused"),
        (HUNG, "hung"),
        (UNREACHABLE, "unreachable"),
        (Conversation(error="HTTP 503"), "refused"),
    ],
)
def test_outcomes(conversation: Conversation, expected: str) -> None:
    assert outcome(conversation) == expected


def test_a_deficit_is_what_never_came_though_it_was_due() -> None:
    assert deficit(served(planned=5, heard=4)) == 0
    assert deficit(served(planned=5, heard=1)) == 3
    # The server ended it after three of ten frames: the other answers never came either.
    assert deficit(Conversation(due=10, sent=[0.0, 0.08, 0.16], heard=[0.1, 0.2])) == 7


def test_refused_hung_and_unreachable_clients_stay_in_the_denominator() -> None:
    assert goodput([served()]) == 1.0
    assert goodput([served(), REFUSED, HUNG, UNREACHABLE]) == 0.25
    assert goodput([]) == 0.0


def test_more_audio_than_was_due_makes_up_for_no_one() -> None:
    generous = Conversation(planned=5, heard=[0.0] * 40)
    assert goodput([generous, REFUSED]) == 0.5


def test_whoever_was_let_in_late_lost_what_it_could_not_say() -> None:
    late = served(planned=5, heard=4)
    late.planned = 9
    assert deficit(late) == 0
    assert goodput([late]) == 0.5


def test_on_time_a_player_never_runs_dry() -> None:
    assert underruns(ON_TIME) == 0
    assert underruns([]) == 0


def test_a_frame_later_than_the_buffer_is_an_underrun() -> None:
    assert underruns([5.0, 5.08, 5.16 + 0.079, 5.24]) == 0
    assert underruns([5.0, 5.08, 5.16 + 0.081, 5.24]) == 1


def test_after_a_stall_the_player_goes_on_later_and_does_not_run_dry_again() -> None:
    assert underruns([5.0, 5.08, 6.0, 6.08, 6.16]) == 1


def test_a_server_slower_than_real_time_runs_dry_again_and_again() -> None:
    assert underruns([5.0 + 0.1 * index for index in range(50)]) == 45


@given(st.lists(st.floats(0, 0.079), max_size=50))
def test_jitter_below_the_buffer_is_never_heard(jitter: list[float]) -> None:
    assert underruns([7.0, *(7.08 + 0.08 * index + late for index, late in enumerate(jitter))]) == 0


def test_first_audio_counts_from_the_start_of_the_recording() -> None:
    assert first_audio(served()) == pytest.approx(0.08 + 0.08 + 0.03)
    assert first_audio(HUNG) is None


def test_ends_say_who_ended_it_and_how() -> None:
    assert ends([served(), served(), REFUSED, HUNG, UNREACHABLE]) == {
        "left by itself": 2,
        "1013 full": 1,
        "gave up waiting": 1,
        "Connection refused": 1,
    }


def test_a_summary_counts_everyone() -> None:
    figures = summarise([served(), served(heard=3), REFUSED, HUNG, UNREACHABLE], sessions=5)
    assert (figures.served, figures.refused, figures.hung, figures.unreachable) == (2, 1, 1, 1)
    assert (figures.goodput, figures.deficit_frames, figures.held) == (0.35, 1, False)
    assert figures.lag_ms == Spread(7, 30.0, 30.0, 30.0, 30.0)


@pytest.mark.parametrize(("others", "held"), [([], True), ([REFUSED], False), ([served(heard=3)], False)])
def test_held_means_that_no_one_missed_anything(others: list[Conversation], held: bool) -> None:
    assert summarise([served(), *others], sessions=1 + len(others)).held is held


def test_what_the_server_says_of_itself() -> None:
    one = Conversation(
        events=[
            QueueEvent(position=3, wait_seconds=None),
            StatsEvent(step_ms=10.0, lag_ms=20.0, backlog_frames=0, dropped_frames=1),
            StatsEvent(step_ms=12.0, lag_ms=20.0, backlog_frames=0, dropped_frames=4),
        ]
    )
    other = Conversation(
        events=[
            StatsEvent(step_ms=12.0, lag_ms=20.0, backlog_frames=0, dropped_frames=2),
            WarningEvent(why="idle", seconds=5),
        ]
    )
    said = told([one, other])
    assert said is not None
    assert said.step_ms is not None
    assert (said.step_ms.count, said.step_ms.max) == (3, 12.0)
    assert (said.dropped_frames, said.longest_queue, said.warnings) == (6, 3, {"idle": 1})
    assert summarise([one, other], sessions=2).queued == 1


def test_upstreams_server_says_nothing() -> None:
    assert told([served()]) is None
