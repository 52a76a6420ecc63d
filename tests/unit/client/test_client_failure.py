"""Why a conversation failed, in one line with a code."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moshi_service.protocol.events import EndEvent
from scenario6_client import errors
from scenario6_client.audio import FRAME
from scenario6_client.conversation import Conversation
from scenario6_client.report import record
from scenario6_client.talk import Plan, failure, padded

PLAN = Plan("ws://localhost/api/chat")
FILE = replace(PLAN, question=Path("question.wav"))
LIVE = {"connected": True, "handshake_seconds": 0.1}


def ended(code: int, reason: str = "", error: str | None = None, **fields: object) -> Conversation:
    events = [EndEvent(code=code, reason=reason, error=error)] if error else []
    told = {"connected": True, "ended_by_server": True, "close_code": code, "close_reason": reason, "events": events}
    return Conversation(**{**told, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plan", "conversation", "code"),
    [
        (FILE, Conversation(**LIVE), None),  # type: ignore[arg-type]
        (PLAN, Conversation(), "service-not-reached"),
        (PLAN, Conversation(connected=True), "waited-too-long"),
        (PLAN, Conversation(problem=errors.upgrade_refused("ws://a", 404)), "upgrade-refused"),
        (PLAN, ended(1013, "full", "queue-full"), "queue-full"),
        (PLAN, ended(4003, "a token is needed"), "conversation-closed"),
        (PLAN, ended(1006, handshake_seconds=1.0), "conversation-broke"),
        (PLAN, ended(1000, "its time is over", handshake_seconds=1.0), None),
        (FILE, ended(1000, "its time is over", handshake_seconds=1.0), "conversation-closed"),
    ],
)
def test_a_failure_has_a_code(plan: Plan, conversation: Conversation, code: str | None) -> None:
    problem = failure(plan, conversation)
    assert (problem and problem.code) == code


def test_a_question_is_sent_in_whole_frames_and_then_silence() -> None:
    sound = padded(np.ones(FRAME + 1, np.float32), 0.08)
    assert len(sound) == 3 * FRAME
    assert sound.sum() == FRAME + 1


def test_a_record_has_no_sound_and_counts_from_the_handshake() -> None:
    talked = Conversation(dialled=10.0, handshake_seconds=1.0, sent=[11.0, 11.08], heard=[11.2], connected=True)
    talked.pieces = [(12.5, " Hello"), (12.6, " there.")]
    talked.audio += b"OggS"
    found = record("ws://a", talked, errors.conversation_broke())
    assert found["text"] == " Hello there."
    assert found["pieces"] == [{"seconds": 1.5, "text": " Hello"}, {"seconds": 1.6, "text": " there."}]
    assert found["lag_ms"] == {"p50": 120.0, "p95": 120.0, "p99": 120.0}
    assert found["problem"] == {"code": "conversation-broke", "text": errors.conversation_broke().text}
    assert "OggS" not in str(found)
