"""Silence for a client that sends nothing, so that the model goes on: a microphone with a gate pauses, and so do
programs that send one utterance after the other. Pure logic on a clock of the caller's.
"""

from moshi_backend.engine.scheduler import PERIOD

GAP_SECONDS = 2 * PERIOD
"""Seconds without input after which the model hears silence. A late message is not a gap."""

AHEAD_SECONDS = 2.0
"""Input beyond this is dropped elsewhere, so it does not count here."""

PAUSE_FRAMES = 12
"""More frames of silence than these are a pause of the client, fewer may be a stall of the network."""


class Metronome:
    """Counts input in seconds of sound. `now`: seconds of a monotonic clock.

    Input that comes after a stall comes in a burst. The silence in its place has been heard already, so as many frames
    of the burst are left out. Otherwise each stall would delay all later answers.
    """

    def __init__(self, now: float) -> None:
        self._fed = now
        """The time up to which the model has input."""
        self._heard = now
        self._lent = 0

    def begin(self, now: float) -> None:
        """The conversation is live. Its first input may have come a moment before."""
        self._fed = max(self._fed, now)
        self._heard = max(self._heard, now)

    def heard(self, frames: int, now: float) -> int:
        """The client sent so many frames. Returns how many of them to leave out, the oldest first."""
        self._heard = now
        left_out = 0
        for _ in range(frames):
            if 0 < self._lent <= PAUSE_FRAMES and self._fed >= now:
                self._lent -= 1
                left_out += 1
            else:
                self._fed = min(max(self._fed, now - GAP_SECONDS) + PERIOD, now + AHEAD_SECONDS)
        if self._lent > PAUSE_FRAMES:
            self._lent = 0
        return left_out

    def clear(self, now: float) -> None:
        """The input that the model has not heard yet was dropped, so it does not put silence off."""
        self._fed = min(self._fed, now)

    def due(self) -> float:
        """When a frame of silence is needed, if nothing comes before."""
        return max(self._fed, self._heard) + GAP_SECONDS

    def beat(self, now: float) -> bool:
        """Whether a frame of silence is needed now. It counts as given."""
        if now < self.due():
            return False
        self._fed = max(self._fed, now - GAP_SECONDS) + PERIOD
        self._lent += 1
        return True
