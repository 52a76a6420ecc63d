"""When a client speaks. No clock in here: times are seconds on whatever clock the caller reads."""

import math
from dataclasses import dataclass

from scenario6_client.audio import FRAME_SECONDS

TOLERANCE = FRAME_SECONDS / 4
"""A message that goes out later than this has missed its turn."""


@dataclass
class Pace:
    """One message in each period. A turn that was missed is given up, never made good by a burst."""

    due: float
    """When the next message goes."""
    period: float = FRAME_SECONDS
    skipped: int = 0
    """Turns given up because this program was late, not the server."""
    worst: float = 0.0
    """The latest that any turn was found due, in seconds."""

    def wait(self, now: float) -> float:
        """Seconds until the next message goes; 0 when it goes now."""
        late = now - self.due
        self.worst = max(self.worst, late)
        if late > TOLERANCE:
            # Whole periods, so that clients which were late together do not come out in phase.
            turns = math.ceil(late / self.period)
            self.skipped += turns
            self.due += turns * self.period
        return max(0.0, self.due - now)

    def went(self) -> None:
        """The message is out."""
        self.due += self.period
