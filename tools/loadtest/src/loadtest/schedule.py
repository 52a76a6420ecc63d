"""When a client speaks. No clock in here: times are seconds on whatever clock the caller reads."""

import math
import random
from dataclasses import dataclass

from loadtest.audio import FRAME_SECONDS

TOLERANCE = FRAME_SECONDS / 4
"""A message that goes out later than this has missed its turn."""

LEEWAY_FRAMES = 2
"""A handshake and the wait for the client's phase may take this long (160 ms) before speech is lost to them."""


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


def first_turn(now: float, epoch: float, phase: float) -> float:
    """The first turn at or after `now` of a client whose turns are `phase` after each period from `epoch` on.

    A whole frame has to be recorded before it can be sent, so none is due in the first period.
    """
    origin = epoch + phase + FRAME_SECONDS
    return origin + max(0, math.ceil((now - origin) / FRAME_SECONDS)) * FRAME_SECONDS


def phase_of(client: int, clients: int, in_phase: bool) -> float:
    """Seconds into the period at which a client speaks."""
    return 0.0 if in_phase else client * FRAME_SECONDS / clients


def frames_left(planned: int, joined: float, first: float) -> int:
    """What is left of `planned` frames for a client that wanted to speak at `joined` and could at `first`."""
    missed = int((first - joined) / FRAME_SECONDS) - LEEWAY_FRAMES
    return planned - max(0, missed)


def stay(seconds_left: float, churn: float | None, dice: random.Random) -> int:
    """Frames that the next conversation is to last: about `churn` seconds, or all that is left without it."""
    wanted = seconds_left if churn is None else min(seconds_left, churn * dice.uniform(0.5, 1.5))
    return round(wanted / FRAME_SECONDS)
