"""The figures that a server told in its events (`--protocol 2`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.figures import Spread, spread
from moshi_service.protocol.events import QueueEvent, StatsEvent, WarningEvent
from scenario6_client.conversation import Conversation


@dataclass(frozen=True)
class Told:
    """Over all conversations."""

    step_ms: Spread | None
    """One step of the model."""
    lag_ms: Spread | None
    """By the server's own measure."""
    dropped_frames: int
    warnings: dict[str, int]
    """How often it warned of what."""
    longest_queue: int
    """The worst place that any client was given."""


def told(conversations: Sequence[Conversation]) -> Told | None:
    """None if no server said anything."""
    events = [event for conversation in conversations for event in conversation.events]
    if not events:
        return None
    stats = [event for event in events if isinstance(event, StatsEvent)]
    return Told(
        step_ms=spread(event.step_ms / 1000 for event in stats),
        lag_ms=spread(event.lag_ms / 1000 for event in stats),
        # Each conversation counts up, so that its highest figure is its sum.
        dropped_frames=sum(max(_dropped(conversation), default=0) for conversation in conversations),
        warnings=dict(Counter(event.why for event in events if isinstance(event, WarningEvent))),
        longest_queue=max((event.position for event in events if isinstance(event, QueueEvent)), default=0),
    )


def _dropped(conversation: Conversation) -> list[int]:
    return [event.dropped_frames for event in conversation.events if isinstance(event, StatsEvent)]
