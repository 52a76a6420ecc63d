"""The figures of a run: pure functions over its events. Times are milliseconds in the results, seconds before."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from moshi_service.protocol.events import QueueEvent
from scenario6_client import errors
from scenario6_client.audio import FRAME_SECONDS
from scenario6_client.conversation import Conversation

PLAYER_BUFFER = FRAME_SECONDS
"""The time that the simulated player waits after the first frame before it starts."""


@dataclass(frozen=True)
class Spread:
    """Of some times, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


def spread(seconds: Iterable[float]) -> Spread | None:
    """None of nothing."""
    values = np.fromiter(seconds, float) * 1000
    if not len(values):
        return None
    p50, p95, p99 = (round(float(value), 1) for value in np.percentile(values, (50, 95, 99)))
    return Spread(len(values), p50, p95, p99, round(float(values.max()), 1))


def outcome(conversation: Conversation) -> str:
    """`served` got a handshake; `refused` was told no; `hung` heard nothing in its patience; `unreachable`: nobody."""
    problem = conversation.problem
    if conversation.handshake_seconds is not None:
        return "served"
    if conversation.ended_by_server or (problem and problem.code == errors.upgrade_refused.code):
        return "refused"
    return "unreachable" if problem else "hung"


def queued(conversation: Conversation) -> bool:
    """Whether it was given a place in a queue, whatever came of that."""
    return any(isinstance(event, QueueEvent) for event in conversation.events)


def deficit(conversation: Conversation) -> int:
    """Answers that a served client needed and did not get by the end. The first frame of input has none."""
    return max(0, conversation.due - 1 - len(conversation.heard))


def underruns(heard: Sequence[float], buffer: float = PLAYER_BUFFER) -> int:
    """The number of times that a player has no frame when it needs one. It then waits for that frame and goes on.

    Args:
        heard: when each frame came.
        buffer: seconds from the first frame to the start of playing.
    """
    if not heard:
        return 0
    count, needed = 0, heard[0] + buffer
    for came in heard:
        if came > needed:
            count += 1
            needed = came
        needed += FRAME_SECONDS
    return count


def goodput(conversations: Iterable[Conversation]) -> float:
    """Audio received of what all that dialled should have received, 0 to 1; refused and hung ones received none."""
    pairs = [(max(0, c.planned - 1), len(c.heard)) for c in conversations]
    due = sum(planned for planned, _ in pairs)
    return sum(min(heard, planned) for planned, heard in pairs) / due if due else 0.0


def first_audio(conversation: Conversation) -> float | None:
    """Seconds from the start of the first frame's recording to the first answer; two frames (160 ms) are inherent."""
    if not conversation.heard or not conversation.sent:
        return None
    return conversation.heard[0] - conversation.sent[0] + FRAME_SECONDS


def ends(conversations: Iterable[Conversation]) -> dict[str, int]:
    """The number of conversations by their end: a close code and reason, an error, or as the client wished."""
    counted: Counter[str] = Counter()
    for conversation in conversations:
        if conversation.problem:
            counted[conversation.problem.text] += 1
        elif conversation.ended_by_server:
            counted[f"{conversation.close_code} {conversation.close_reason}".strip()] += 1
        else:
            counted["left by itself" if outcome(conversation) == "served" else "gave up waiting"] += 1
    return dict(counted.most_common())


@dataclass(frozen=True)
class Figures:
    """A run of paced clients."""

    sessions: int
    """Clients at the same time that were asked for."""
    conversations: int
    """More than that with churn."""
    served: int
    refused: int
    hung: int
    unreachable: int
    queued: int
    goodput: float
    deficit_frames: int
    underruns: int
    lag_ms: Spread | None
    handshake_ms: Spread | None
    first_audio_ms: Spread | None
    ends: dict[str, int]
    generator_late: int
    """Turns that this program missed: above zero, it was too busy to judge the server."""
    generator_worst_ms: float
    generator_cpu: float
    """Of one core."""

    @property
    def held(self) -> bool:
        """Whether every client had its conversation in real time."""
        return self.deficit_frames == 0 and self.goodput >= 0.99


def summarise(conversations: Sequence[Conversation], sessions: int, cpu: float = 0.0) -> Figures:
    """All conversations of a run; refused and hung ones included."""
    outcomes = Counter(map(outcome, conversations))
    firsts = (first_audio(c) for c in conversations)
    return Figures(
        sessions=sessions,
        conversations=len(conversations),
        served=outcomes["served"],
        refused=outcomes["refused"],
        hung=outcomes["hung"],
        unreachable=outcomes["unreachable"],
        queued=sum(map(queued, conversations)),
        goodput=round(goodput(conversations), 4),
        deficit_frames=sum(map(deficit, conversations)),
        underruns=sum(underruns(c.heard) for c in conversations),
        lag_ms=spread(lag for c in conversations for lag in c.lags()),
        handshake_ms=spread(c.handshake_seconds for c in conversations if c.handshake_seconds is not None),
        first_audio_ms=spread(first for first in firsts if first is not None),
        ends=ends(conversations),
        generator_late=sum(c.skipped for c in conversations),
        generator_worst_ms=round(max((c.worst for c in conversations), default=0.0) * 1000, 1),
        generator_cpu=round(cpu, 3),
    )
