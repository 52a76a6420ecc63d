"""Voices and roles: how long one waits for them, and what live conversations notice of others who get theirs.

A random checkpoint in PersonaPlex's shape, in services beside each other: one remembers voices and one does not.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import numpy as np

import personaplex_checkpoint
from benchmarks.upstream.servers import Server, ours
from benchmarks.upstream.trials import until_ready
from loadtest.load import Plan, run
from moshi_service.protocol.events import PrefillSummary
from scenario6_client.audio import encode, noise
from scenario6_client.conversation import converse

ROLE = "you are a good bird of this house and you like to talk about the weather " * 3

VOICE = "protocol=2&voice_prompt=NATM0"

QUERY = f"{VOICE}&text_prompt={quote(ROLE.strip())}"

JOINING = {
    "nobody joins": None,
    "somebody joins": "protocol=2",
    "somebody joins and gets a role": f"protocol=2&text_prompt={quote(ROLE.strip())}",
}

JOIN_SECONDS = 60.0
"""Longest wait for a handshake."""

HANDSHAKES = 40
"""Of each kind."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench prompt", description=__doc__)
    parser.add_argument("--conversations", type=int, default=8, help="that live beside those who join (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=30, help="with and without who joins (%(default)s)")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between those who join (%(default)s)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        voiced, bare = Path(folder) / "voiced", Path(folder) / "bare"
        for model in (voiced, bare):
            personaplex_checkpoint.make(model)
        (bare / "voices.tgz").unlink()  # without a default voice who joins has nothing to be read
        slots = str(given.conversations + 2)

        def start(name: str, model: Path, **settings: str) -> Server:
            place = Path(folder) / name
            place.mkdir()
            return running.enter_context(ours(place, MOSHI_MODEL=str(model), MOSHI_SLOTS=slots, **settings))

        cold, warm = start("cold", voiced, MOSHI_VOICE_MEMORY="0"), start("warm", voiced)
        asyncio.run(measure(cold, warm, start("none", bare), given))
    return 0


async def measure(cold: Server, warm: Server, bare: Server, given: argparse.Namespace) -> None:
    for server in (cold, warm, bare):
        await until_ready(server)
    await join(warm.url, QUERY)
    steps = 0
    kinds = {
        "voice, read": (cold, VOICE),
        "voice, remembered": (warm, VOICE),
        "voice and role, read": (cold, QUERY),
        "voice remembered, role": (warm, QUERY),
    }
    waits: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(HANDSHAKES):
        for name, (server, query) in kinds.items():
            took, prefill = await join(server.url, query)
            waits[name].append(took)
            assert prefill is not None
            steps = max(steps, prefill.steps)
    for name, times in waits.items():
        p50, p99 = np.percentile(times, (50, 99)) * 1000
        print(f"{name:24} until the handshake p50 {p50:6.1f} p99 {p99:6.1f} ms")
    print(f"the longest prompt has {steps} steps, {steps * 0.08:.1f} s of the model's time")
    await beside(bare, given)


async def beside(server: Server, given: argparse.Namespace) -> None:
    """Lag of live conversations while nobody joins, somebody does, and somebody does who gets a role; in turn."""
    speech = encode(noise(given.seconds + 1))
    plan = Plan(server.url, given.conversations, given.seconds)
    lags: dict[str, list[list[float]]] = {name: [] for name in JOINING}
    joined = 0
    for _ in range(given.turns):
        for name, query in JOINING.items():
            who = asyncio.create_task(keep_joining(server.url, query, given.pause)) if query else None
            outcome = await run(plan, speech)
            if who is not None:
                who.cancel()
                joined += await who
            lags[name].append([lag for talk in outcome.conversations for lag in talk.lags()])
    for name, turns in lags.items():
        # Of each turn, and then the middle one: a stall of a shared machine spoils one turn and not the result.
        p50, p99 = np.median([np.percentile(turn, (50, 99)) for turn in turns], axis=0) * 1000
        print(f"{name:32} lag p50 {p50:6.1f} p99 {p99:6.1f} ms")
    without, with_ = list(JOINING)[1:]
    for part in (50, 99):
        pairs = zip(lags[without], lags[with_], strict=True)
        ratios = [np.percentile(two, part) / np.percentile(one, part) for one, two in pairs]
        low, middle, high = np.percentile(ratios, (25, 50, 75))
        print(f"p{part}, role / no role: {middle:.2f}, half of the turns {low:.2f} to {high:.2f}")
    print(f"{given.conversations} live conversations; {joined} joined beside them, one after the other")


async def keep_joining(url: str, query: str, pause: float) -> int:
    """Until cancelled; how many joined."""
    joined = 0
    try:
        while True:
            await join(url, query)
            joined += 1
            await asyncio.sleep(pause)
    except asyncio.CancelledError:
        return joined


async def join(url: str, query: str) -> tuple[float, PrefillSummary | None]:
    """Seconds from dialling until the handshake, and what the service says of the prefill."""
    came = await converse(f"{url}?{query}", [], patience=JOIN_SECONDS, grace=0.0)
    assert came.handshake_seconds is not None, came.problem or came.close_reason
    return came.handshake_seconds, came.session.prefill if came.session else None


if __name__ == "__main__":
    sys.exit(main())
