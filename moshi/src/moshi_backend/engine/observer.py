"""How observers learn what the engine does."""

from collections.abc import Callable, Sequence

from moshi_backend.engine.request import Answer

type Report = Callable[[str, str, float | None], None]
"""Takes a phase of start-up, a detail for people, and the progress (0 to 1) where it is known."""


class EngineObserver:
    """Watches the engine from outside. This one ignores everything."""

    def phase(self, name: str, detail: str) -> None:
        """Start-up enters a phase, or has news of it. The engine's thread calls this."""

    def started(self, failure: str | None) -> None:
        """Start-up is over. `failure`: the reason if it failed. The engine's thread calls this."""

    def stepped(self, seconds: float, answers: Sequence[Answer]) -> None:
        """A step took so many seconds. Runs on the event loop, so it does not slow the engine's thread."""
