"""What a server said of itself in its metadata (`--protocol 2`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.client import Conversation
from loadtest.figures import Spread, spread


@dataclass(frozen=True)
class Told:
    """Over all conversations."""

    tick_ms: Spread | None
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
    items = [item for conversation in conversations for item in conversation.metadata]
    if not items:
        return None
    stats = [item for item in items if item.get("type") == "stats"]
    return Told(
        tick_ms=spread(value / 1000 for value in _numbers(stats, "tick_ms")),
        lag_ms=spread(value / 1000 for value in _numbers(stats, "lag_ms")),
        # Each conversation counts up, so that its highest figure is its sum.
        dropped_frames=int(sum(max(_numbers(c.metadata, "dropped_frames"), default=0) for c in conversations)),
        warnings=dict(Counter(str(item.get("why")) for item in items if item.get("type") == "warning")),
        longest_queue=int(max(_numbers(items, "position"), default=0)),
    )


def _numbers(items: Sequence[dict[str, object]], key: str) -> list[float]:
    return [float(value) for item in items if isinstance(value := item.get(key), int | float)]
