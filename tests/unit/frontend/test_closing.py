"""What is sent when a conversation ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close as Frame

from moshi_frontend.closing import Close

SENDABLE = [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)]


@given(st.sampled_from([*SENDABLE, 1005, 1006, 1015]), st.text(max_size=200))
def test_whatever_was_received_makes_a_frame_that_may_be_sent(code: int, reason: str) -> None:
    close = Close(code, reason)
    frame = Frame(close.code, close.reason)
    frame.check()
    assert len(frame.serialize()) <= 125
    assert reason.startswith(close.reason)


@pytest.mark.parametrize("code", SENDABLE[:12])
def test_a_code_that_may_be_sent_stays_as_it_is(code: int) -> None:
    assert Close(code, "why").code == code


@pytest.mark.parametrize(("received", "sent"), [(1005, 1000), (1006, 1001), (1015, 1001)])
def test_a_code_that_may_not_be_sent_is_replaced(received: int, sent: int) -> None:
    assert Close(received, "").code == sent


def test_a_reason_is_cut_between_characters() -> None:
    assert Close(1000, "x" * 122 + "é").reason == "x" * 122


def test_the_announcement_says_what_the_close_frame_will() -> None:
    kind, document = Close(1005, "ä" * 100).announcement()[:1], Close(1005, "ä" * 100).announcement()[1:]
    assert kind == b"\x04"
    assert json.loads(document) == {"type": "end", "code": 1000, "reason": "ä" * 61}
