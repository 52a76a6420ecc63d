"""Moshi's sound on its way to the speaker: it waits long enough that a late message is not heard, and no longer."""

import threading

import numpy as np

from scenario6_client.audio import FRAME, Samples

START = 2 * FRAME
"""Samples that are there before it plays: at the beginning, and again after it ran empty."""
MOST = 12 * FRAME
"""Samples that may wait, about a second. After more, the oldest are skipped down to `START`."""


class Playout:
    """A queue of samples between the event loop, which pushes, and the sound card's thread, which pulls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Samples = np.zeros(0, np.float32)
        self._playing = False
        self.underruns = 0
        """Times that it ran empty in the middle of a conversation."""
        self.skipped = 0
        """Samples that were left out because too many waited."""

    def push(self, samples: Samples) -> None:
        with self._lock:
            self._waiting = np.concatenate((self._waiting, samples))
            if len(self._waiting) > MOST:
                self.skipped += len(self._waiting) - START
                self._waiting = self._waiting[-START:]

    def pull(self, count: int) -> Samples:
        """The next samples, float32 [count]; silence where there are none."""
        with self._lock:
            if not self._playing and len(self._waiting) >= START:
                self._playing = True
            if not self._playing:
                return np.zeros(count, np.float32)
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
            if len(taken) < count:
                self._playing = False
                self.underruns += 1
            return np.pad(taken, (0, count - len(taken)))
