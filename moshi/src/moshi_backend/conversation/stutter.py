"""Notes in a conversation's trace of why it stuttered."""

import time

from opentelemetry import trace

EVENTS = 40
"""Of one kind in one conversation at most, and no two within a second: a trace is no log of frames."""


class Stutter:
    def __init__(self, event: str) -> None:
        self._event = event
        self._left = EVENTS
        self._last = 0.0

    def note(self, **attributes: float) -> None:
        """An event in the current span."""
        now = time.monotonic()
        if self._left and now - self._last > 1.0:
            self._left -= 1
            self._last = now
            named = {f"moshi.{name}": value for name, value in attributes.items()}
            trace.get_current_span().add_event(self._event, named)
