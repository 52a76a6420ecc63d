"""The bytes of the protocol, written out by hand from docs/reference/protocol.md and upstream's own description.

Other tests use the definitions in `moshi_service.protocol`; this one and support/chatting.py do not, so that a change
of the definitions cannot go unnoticed.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_service.protocol import events, wire


def test_a_message_begins_with_its_kind() -> None:
    assert wire.audio(b"OggS") == b"\x01OggS"
    assert wire.text(" été") == b"\x02 \xc3\xa9t\xc3\xa9"
    assert bytes(9) == wire.HANDSHAKE
    assert wire.PING == b"\x06"


def test_kinds_and_close_codes_have_their_numbers() -> None:
    assert {kind.name.lower(): kind.value for kind in wire.Kind} == {
        "handshake": 0,
        "audio": 1,
        "text": 2,
        "control": 3,
        "metadata": 4,
        "error": 5,
        "ping": 6,
    }
    assert [code.value for code in wire.CloseCode] == [
        *(1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013),
        *(4000, 4001, 4002, 4003),
    ]


SETTINGS = events.SessionSettings(
    text_temperature=0.7,
    text_topk=25,
    text_seed="18446744073709551615",
    audio_temperature=0.8,
    audio_topk=250,
    audio_seed=3,
)


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (
            events.QueueEvent(position=3, wait_seconds=None, longest_wait_seconds=90),
            {"type": "queue", "position": 3, "wait_seconds": None, "longest_wait_seconds": 90},
        ),
        (
            events.PrefillEvent(done=64, total=160, seconds=6.4),
            {"type": "prefill", "done": 64, "total": 160, "seconds": 6.4},
        ),
        (
            events.SessionEvent(
                id="c0ffee",
                settings=SETTINGS,
                prefill=events.PrefillSummary(steps=40, seconds=1.5, remembered=True),
            ),
            {
                "type": "session",
                "id": "c0ffee",
                "settings": {
                    "text_temperature": 0.7,
                    "text_topk": 25,
                    "text_seed": "18446744073709551615",
                    "audio_temperature": 0.8,
                    "audio_topk": 250,
                    "audio_seed": 3,
                },
                "prefill": {"steps": 40, "seconds": 1.5, "remembered": True},
            },
        ),
        (
            events.StatsEvent(step_ms=10.1, lag_ms=20.5, backlog_frames=1, dropped_frames=2),
            {"type": "stats", "step_ms": 10.1, "lag_ms": 20.5, "backlog_frames": 1, "dropped_frames": 2},
        ),
        (events.WarningEvent(why="idle", seconds=30), {"type": "warning", "why": "idle", "seconds": 30}),
        (
            events.EndEvent(code=1013, reason="voll: später", retry_after=7, error="queue-full"),
            {"type": "end", "code": 1013, "reason": "voll: später", "retry_after": 7, "error": "queue-full"},
        ),
    ],
)
def test_an_event_is_json_in_a_metadata_message_and_is_read_back(
    event: events.ServerEvent, content: dict[str, object]
) -> None:
    message = event.message()
    assert message[:1] == b"\x04"
    assert json.loads(message[1:]) == content
    assert events.parse(message[1:]) == event


def test_an_event_of_an_older_service_is_read_and_an_unknown_one_is_refused() -> None:
    old = b'{"type": "end", "code": 1013, "reason": "full", "more": 1}'
    assert events.parse(old) == events.EndEvent(code=1013, reason="full", retry_after=None)
    for payload in (b"{", b"[]", b'{"type": "news"}', b'{"type": "stats"}', b"\xff"):
        with pytest.raises(ValueError, match="validation error"):
            events.parse(payload)


@given(st.text(), st.none() | st.integers(1, 10**6))
def test_a_close_reason_fits_its_frame_and_is_the_beginning_of_what_was_said(reason: str, after: int | None) -> None:
    cut = wire.close_reason(reason, after)
    assert len(cut.encode()) <= wire.REASON_BYTES
    advice = "" if after is None else f"; Retry-After: {after}"
    assert cut.endswith(advice)
    assert reason.startswith(cut.removesuffix(advice))
    if len((reason + advice).encode()) <= wire.REASON_BYTES:
        assert cut == reason + advice
