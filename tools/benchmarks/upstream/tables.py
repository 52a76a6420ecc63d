"""The answers side by side: a table and a picture."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.upstream.course import Answers
from benchmarks.upstream.trials import Arrival, Flooded
from loadtest.figures import Spread


def _lag(lag: Spread | None) -> str:
    return f"{lag.p50:.0f} / {lag.p95:.0f} / {lag.p99:.0f} ms" if lag else "none"


def _arrival(arrival: Arrival) -> str:
    if arrival.handshake_seconds is not None:
        words = f"handshake after {arrival.handshake_seconds:.2f} s"
    elif arrival.turned_away:
        words = f"turned away after {arrival.waited_seconds:.2f} s"
    else:
        words = f"no handshake in {arrival.waited_seconds:.2f} s"
    return f"{words}; told: {'; '.join(arrival.told) or 'nothing'}"


def _beside(flooded: Flooded) -> str:
    let_in = "" if flooded.flood.handshake_seconds is not None else "; the flood was not let in"
    return f"goodput {flooded.paced.goodput:.0%}, lag {_lag(flooded.paced.lag_ms)}{let_in}"


def _shutdown(answers: Answers) -> str:
    end = answers.shutdown
    if end.exit_seconds is None:
        return f"runs on after {end.patience_seconds:g} s"
    return f"exits with {end.exit_code} after {end.exit_seconds:.1f} s"


_ROWS: dict[str, Callable[[Answers], str]] = {
    "start until the first handshake": lambda a: f"{a.start_seconds} s",
    "clients held in real time": lambda a: f"{a.held} of up to {a.steps[-1].sessions} tried",
    "goodput by clients": lambda a: ", ".join(f"{step.sessions}: {step.goodput:.0%}" for step in a.steps),
    "first audio (160 ms inherent)": lambda a: (
        f"{a.alone.first_audio_ms.p50:.0f} ms" if a.alone.first_audio_ms else "none"
    ),
    "lag of one client, p50 / p95 / p99": lambda a: _lag(a.alone.lag_ms),
    "lag at the most clients held": lambda a: _lag(
        next((step.lag_ms for step in reversed(a.steps) if step.held), None)
    ),
    "second client while one talks": lambda a: _arrival(a.second),
    "one client too many": lambda a: f"(beside {a.capacity}) {_arrival(a.full)}",
    "paced client when a 10x flood joins": lambda a: _beside(a.flood_joins),
    "paced client that joins a 10x flood": lambda a: _beside(a.flood_first),
    "SIGTERM in a conversation": _shutdown,
    "its client sees": lambda a: f"{a.shutdown.close_code or 'no end'} {a.shutdown.close_reason}".rstrip(),
}


def table(answers: Sequence[Answers]) -> str:
    """Markdown."""
    lines = [["", *(a.name for a in answers)], ["---"] * (len(answers) + 1)]
    lines += [[name, *(row(a) for a in answers)] for name, row in _ROWS.items()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def picture(answers: Sequence[Answers], file: Path) -> None:
    """A PNG: how the lags of one client spread, and what arrives as clients are added."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    shares, goodput = figure.subplots(1, 2)
    for a in answers:
        shares.plot(np.sort(a.lags_ms), np.arange(1, len(a.lags_ms) + 1) / max(1, len(a.lags_ms)) * 100, label=a.name)
        goodput.plot([s.sessions for s in a.steps], [s.goodput * 100 for s in a.steps], "o-", label=a.name)
    shares.set(xlabel="lag (ms)", ylabel="frames at most that late (%)", title="One client")
    goodput.set(xlabel="clients at the same time", ylabel="audio that arrived (%)", title="More clients")
    goodput.set_xscale("log", base=2)
    goodput.xaxis.set_major_formatter("{x:g}")
    goodput.set_ylim(0, 105)
    shares.set_xlim(left=0)
    for axes in (shares, goodput):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(file, dpi=120)
