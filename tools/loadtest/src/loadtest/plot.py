"""The lags as a picture: over time, and how they spread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scenario6_client.conversation import Conversation


def plot(conversations: Sequence[Conversation], started: float, file: Path) -> None:
    """Write a PNG: one colour for each client on the left, all of them together on the right.

    Args:
        conversations: of one run.
        started: when speech began, on the conversations' clock.
        file: where to.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    over_time, shares = figure.subplots(1, 2)
    over_time.set(xlabel="time (s)", ylabel="lag (ms)", title="Lag of each frame, a colour for each client")
    shares.set(xlabel="lag (ms)", ylabel="frames at most that late (%)", title="All frames")
    lags: list[float] = []
    for conversation in conversations:
        late = np.array(conversation.lags()) * 1000
        heard = np.array(conversation.heard[: len(late)]) - started
        over_time.plot(heard, late, ".", markersize=3, color=f"C{conversation.client % 10}")
        lags += late.tolist()
    if lags:
        shares.plot(np.sort(lags), np.arange(1, len(lags) + 1) / len(lags) * 100)
    for axes in (over_time, shares):
        axes.grid(alpha=0.3)
    over_time.set_ylim(bottom=0)
    shares.set_xlim(left=0)
    figure.savefig(file, dpi=120)
