"""The time that a conversation may last, and the time that it may be silent."""

from dataclasses import dataclass
from typing import Literal

WARNING = 30.0
"""Seconds between a warning and the end; half of the limit if the limit is shorter than twice that."""

type Why = Literal["session", "idle", "draining"]


@dataclass(frozen=True)
class Limits:
    """Seconds; 0 for no limit. `idle`: without any audio from the client."""

    session: float = 0.0
    idle: float = 0.0


@dataclass(frozen=True)
class Notice:
    """The conversation will end in `left` seconds. 0 is the end itself."""

    why: Why
    left: float


class Watch:
    """The limits of one conversation on a clock of the caller's. Poll it when it is due, or at any other time."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._warned: set[Why] = set()
        self.begin(now)

    def begin(self, now: float) -> None:
        """Start the limits now: the time that a client waited before its conversation does not count."""
        self._began = self._heard = now

    def heard(self, now: float) -> None:
        """The client sent audio."""
        self._heard = now
        self._warned.discard("idle")

    def poll(self, now: float) -> Notice | None:
        """An end that has come, else a warning that has not been given yet, else None."""
        for why, _, end in self._ends():
            if now >= end:
                return Notice(why, 0.0)
        for why, limit, end in self._ends():
            if why not in self._warned and now >= end - _lead(limit):
                self._warned.add(why)
                return Notice(why, end - now)
        return None

    def due(self) -> float | None:
        """The time from which `poll` returns something, if no audio comes; None for never."""
        times = [end - (0.0 if why in self._warned else _lead(limit)) for why, limit, end in self._ends()]
        return min(times, default=None)

    def _ends(self) -> list[tuple[Why, float, float]]:
        ends: list[tuple[Why, float, float]] = []
        if self._limits.session:
            ends.append(("session", self._limits.session, self._began + self._limits.session))
        if self._limits.idle:
            ends.append(("idle", self._limits.idle, self._heard + self._limits.idle))
        return ends


def _lead(limit: float) -> float:
    return min(WARNING, limit / 2)
