"""A run as JSON and as a table to read."""

from collections.abc import Sequence
from dataclasses import asdict

from loadtest.abuse import Ending
from loadtest.figures import Figures, Spread, deficit, first_audio, outcome, spread, summarise, underruns
from loadtest.load import Outcome, Plan
from loadtest.machine import machine
from loadtest.told import Told, told
from scenario6_client.conversation import Conversation


def as_json(plan: Plan, result: Outcome) -> dict[str, object]:
    """Everything, down to each client; the times of a client are milliseconds since speech began."""
    said = told(result.conversations)
    return {
        "machine": machine(),
        "arguments": asdict(plan),
        "figures": asdict(figures(plan, result)),
        "server_says": asdict(said) if said else None,
        "abusive": [asdict(ending) for ending in result.endings],
        "clients": [_client(conversation, result.started) for conversation in result.conversations],
    }


def figures(plan: Plan, result: Outcome) -> Figures:
    """The run's summary."""
    return summarise(result.conversations, plan.sessions, result.cpu)


def _client(conversation: Conversation, started: float) -> dict[str, object]:
    handshake, first = conversation.handshake_seconds, first_audio(conversation)
    lags = spread(conversation.lags())
    return {
        "client": conversation.client,
        "dialled_ms": round((conversation.dialled - started) * 1000, 1),
        "outcome": outcome(conversation),
        "handshake_ms": None if handshake is None else round(handshake * 1000, 1),
        "first_audio_ms": None if first is None else round(first * 1000, 1),
        "frames": {"planned": conversation.planned, "sent": len(conversation.sent), "heard": len(conversation.heard)},
        "deficit_frames": deficit(conversation),
        "underruns": underruns(conversation.heard),
        "lag_ms": asdict(lags) if lags else None,
        "generator_late": conversation.skipped,
        "ended_by_server": conversation.ended_by_server,
        "close_code": conversation.close_code,
        "close_reason": conversation.close_reason,
        "error": conversation.problem.text if conversation.problem else "",
    }


def table(plan: Plan, result: Outcome) -> str:
    """The same for a terminal."""
    f = figures(plan, result)
    late = f"late for {f.generator_late} turns, worst {f.generator_worst_ms} ms, {f.generator_cpu:.0%} of a core"
    lines = [
        _row("clients", f"{f.sessions} at a time, {f.conversations} conversations"),
        _row(
            "", f"{f.served} served, {f.refused} refused, {f.hung} hung, {f.unreachable} unreachable, {f.queued} queued"
        ),
        _row("goodput", f"{f.goodput:.2%} of the audio that was due; {f.deficit_frames} frames never came"),
        _row("underruns", str(f.underruns)),
        _row("lag", _times(f.lag_ms)),
        _row("first audio", _times(f.first_audio_ms)),
        _row("handshake", _times(f.handshake_ms)),
        *(_row("ended" if not index else "", f"{n} x {how}") for index, (how, n) in enumerate(f.ends.items())),
        *_server(told(result.conversations)),
        _row("this program", late),
        *_abusive(result.endings),
    ]
    if f.generator_late:
        lines.append("loadtest: it was late itself, so the figures above are not the server's alone; use fewer clients")
    return "\n".join(lines)


def _server(said: Told | None) -> Sequence[str]:
    if said is None:
        return []
    warnings = ", ".join(f"{n} x {why}" for why, n in said.warnings.items()) or "none"
    return [
        _row("server: step", _times(said.step_ms)),
        _row("server: lag", _times(said.lag_ms)),
        _row(
            "server: else",
            f"{said.dropped_frames} frames dropped, queue up to {said.longest_queue}, warnings {warnings}",
        ),
    ]


def _abusive(endings: Sequence[Ending]) -> Sequence[str]:
    return [_row(ending.kind, _ending(ending)) for ending in endings]


def _ending(ending: Ending) -> str:
    if ending.kind == "reconnect":
        words = f"{ending.connections} connections"
    elif ending.code is None:
        words = "not ended by the server"
    else:
        words = f"ended {ending.code} {ending.reason}".rstrip() + f" after {ending.ended_seconds or 0:.2f} s"
    words += f", {ending.heard_messages} messages heard" if ending.heard_messages else ""
    return words + (f"; told: {'; '.join(ending.refusals)}" if ending.refusals else "")


def _times(times: Spread | None) -> str:
    if times is None:
        return "none"
    return (
        f"p50 {times.p50:.1f}   p95 {times.p95:.1f}   p99 {times.p99:.1f}   max {times.max:.1f} ms   (of {times.count})"
    )


def _row(name: str, words: str) -> str:
    return f"{name:<14}{words}"
