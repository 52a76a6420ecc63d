"""The limit of a client's sending rate: the generic cell rate algorithm, in seconds of work."""


class Throttle:
    """Work may be done at real time on average, and `burst` seconds of it at once.

    Nothing is refused. The caller waits for the time that `wait` returns, and TCP then makes the sender wait.
    """

    def __init__(self, burst: float, now: float) -> None:
        self._burst = burst
        self._paid_until = now

    def wait(self, work: float, now: float) -> float:
        """Seconds to wait after `work` seconds of work at the time `now`."""
        self._paid_until = max(self._paid_until, now) + work
        return max(0.0, self._paid_until - now - self._burst)
