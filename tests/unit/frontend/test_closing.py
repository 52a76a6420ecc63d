"""What is sent when a conversation ends."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect
from websockets.frames import Close as Frame

from moshi_frontend.closing import CloseFrame, close, tell
from moshi_service.errors import Problem
from moshi_service.protocol.wire import CloseCode

SENDABLE = [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)]


@given(st.sampled_from([*SENDABLE, 1005, 1006, 1015]), st.text(max_size=200))
def test_whatever_was_received_makes_a_frame_that_may_be_sent(code: int, reason: str) -> None:
    close = CloseFrame(code, reason)
    frame = Frame(close.code, close.text)
    frame.check()
    assert len(frame.serialize()) <= 125
    assert reason.startswith(close.reason)


@pytest.mark.parametrize("code", SENDABLE[:12])
def test_a_code_that_may_be_sent_stays_as_it_is(code: int) -> None:
    assert CloseFrame(code, "why").code == code


@pytest.mark.parametrize(("received", "sent"), [(1005, 1000), (1006, 1001), (1015, 1001)])
def test_a_code_that_may_not_be_sent_is_replaced(received: int, sent: int) -> None:
    assert CloseFrame(received, "").code == sent


def test_a_reason_is_cut_between_characters() -> None:
    assert CloseFrame(1000, "x" * 122 + "é").reason == "x" * 122


def test_the_announcement_says_what_the_close_frame_will() -> None:
    kind, document = CloseFrame(1005, "ä" * 100).announcement()[:1], CloseFrame(1005, "ä" * 100).announcement()[1:]
    assert kind == b"\x04"
    assert json.loads(document) == {"type": "end", "code": 1000, "reason": "ä" * 61, "retry_after": None, "error": None}


def test_the_time_to_try_again_is_a_number_in_the_announcement_and_the_last_words_of_the_frame() -> None:
    close = CloseFrame(1013, "full", retry_after=7)
    assert close.text == "full; Retry-After: 7"
    event = {"type": "end", "code": 1013, "reason": "full", "retry_after": 7, "error": None}
    assert json.loads(close.announcement()[1:]) == event


def test_the_announcement_of_a_problem_has_its_code() -> None:
    close = CloseFrame.of(CloseCode.TRY_LATER, Problem("frontend-full", "full"), 7)
    assert close.text == "full; Retry-After: 7"
    assert json.loads(close.announcement()[1:])["error"] == "frontend-full"


@pytest.mark.anyio
@pytest.mark.parametrize("raised", [WebSocketDisconnect(1006), RuntimeError("after sending 'websocket.close'")])
async def test_a_client_that_left_first_is_no_error(raised: Exception) -> None:
    async def fail(*_arguments: object) -> None:
        raise raised

    client: Any = SimpleNamespace(send_bytes=fail, send_text=fail, close=fail)
    assert not await tell(client, b"x")
    assert not await tell(client, "x")
    for announce in (True, False):
        await close(client, CloseFrame(1000, "why"), announce=announce)
