"""How fast a client may send: the generic cell rate algorithm, in seconds of work."""


class Throttle:
    """Work may be done at real time on average, and `burst` seconds of it at once.

    Nothing is refused: whoever is over the rate waits, and TCP makes the sender wait.
    """

    def __init__(self, burst: float, now: float) -> None:
        self._burst = burst
        self._paid_until = now

    def wait(self, work: float, now: float) -> float:
        """Seconds to wait after `work` seconds of work."""
        self._paid_until = max(self._paid_until, now) + work
        return max(0.0, self._paid_until - now - self._burst)
