"""The record of one conversation as JSON, for a bug report: enough to hold the same conversation again."""

import platform
from importlib.metadata import version

import numpy as np

from moshi_service.errors import Problem
from moshi_service.protocol.events import StatsEvent
from scenario6_client.conversation import Conversation


def record(url: str, conversation: Conversation, problem: Problem | None) -> dict[str, object]:
    """Everything that happened, but neither sound nor token.

    Args:
        url: with the query parameters that were asked for.
        problem: the reason why it failed, if it did.
    """
    session, lags = conversation.session, conversation.lags()
    stats = [event for event in conversation.events if isinstance(event, StatsEvent)]
    began = conversation.dialled + (conversation.handshake_seconds or 0.0)
    return {
        "client": {
            "version": version("scenario6-client"),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        "url": url,
        "problem": None if problem is None else {"code": problem.code, "text": problem.text},
        "session": session.model_dump() if session else None,
        "handshake_seconds": conversation.handshake_seconds,
        "frames": {"sent": len(conversation.sent), "heard": len(conversation.heard), "late": conversation.skipped},
        "lag_ms": {f"p{part}": _percentile(lags, part) for part in (50, 95, 99)} if lags else None,
        "server": stats[-1].model_dump() if stats else None,
        "close": {"code": conversation.close_code, "reason": conversation.close_reason},
        "ended_by_server": conversation.ended_by_server,
        "text": conversation.text,
        "pieces": [{"seconds": round(at - began, 3), "text": piece} for at, piece in conversation.pieces],
    }


def _percentile(seconds: list[float], part: int) -> float:
    return round(float(np.percentile(seconds, part)) * 1000, 1)
