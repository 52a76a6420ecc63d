"""When the clients of a run speak. No clock in here: times are seconds on whatever clock the caller reads."""

import math
import random

from scenario6_client.audio import FRAME_SECONDS

LEEWAY_FRAMES = 2
"""A handshake and the wait for the client's phase may take this long (160 ms) before speech is lost to them."""


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
    """The rest of `planned` frames for a client that wanted to speak at `joined` and could at `first`."""
    missed = int((first - joined) / FRAME_SECONDS) - LEEWAY_FRAMES
    return planned - max(0, missed)


def stay(seconds_left: float, churn: float | None, dice: random.Random) -> int:
    """Frames that the next conversation is to last: about `churn` seconds, or all that is left without it."""
    wanted = seconds_left if churn is None else min(seconds_left, churn * dice.uniform(0.5, 1.5))
    return round(wanted / FRAME_SECONDS)
