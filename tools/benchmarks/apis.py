"""The cost of a conversation over OpenAI's Live and Realtime APIs, beside one over /api/chat.

One service holds the same number of conversations in turn: all over one protocol, then a third over each. CPU times are
the service's own. The random model never falls silent, so Realtime sends as much as the others.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.upstream.servers import ours
from benchmarks.upstream.trials import until_ready
from scenario6_client.audio import FRAME, FRAME_SECONDS, encode, noise
from scenario6_client.connection import dial
from scenario6_client.conversation import Conversation, converse
from scenario6_client.pace import Pace

RANDOM_MODEL = Path(__file__).parents[2] / "tests" / "fixtures" / "random_model"
PATHS = {"chat": "/api/chat", "live": "/v1/live/sessions", "realtime": "/v1/realtime"}
PATIENCE = 10.0
"""Seconds to wait for a session to start."""

GRACE = 2.0
"""Seconds to wait for the last answers."""

START = json.dumps({"type": "session.start", "session": {}})
APPEND = {"live": "session.input_audio.append", "realtime": "input_audio_buffer.append"}
DELTA = {"live": '"session.output_audio.delta"', "realtime": '"response.output_audio.delta"'}
UNHEARD = {"chat": 0, "live": 0, "realtime": 1}
"""First messages that no answer belongs to: Realtime's first one begins the session."""

HEAD = 300
"""Characters at the beginning of an event, which its type is in."""


@dataclass
class Load:
    """A turn of one mix of protocols.

    Attributes:
        seconds: of talk, of all conversations together.
        cpu: seconds of the whole service.
        loop: seconds of its event loop's thread alone.
        lags: seconds, by protocol.
        missing: answers that did not come.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    loop: float = 0.0
    lags: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PATHS})
    missing: int = 0

    def add(self, other: "Load") -> None:
        """Sum up."""
        self.seconds += other.seconds
        self.cpu += other.cpu
        self.loop += other.loop
        self.missing += other.missing
        for name, lags in other.lags.items():
            self.lags[name] += lags


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench apis", description=__doc__)
    parser.add_argument("--conversations", type=int, default=9, help="a multiple of three (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=10, help="of each mix (%(default)s)")
    given = parser.parse_args(argv)
    if given.conversations < 3 or given.conversations % 3:
        parser.error("--conversations takes a multiple of three")
    loads = asyncio.run(measured(given.conversations, given.seconds, given.turns))
    print(f"{given.conversations} conversations, {given.turns} turns of {given.seconds:g} s for each mix")
    print("mix        CPU of a conversation   its event loop   lag p50 / p95 / p99   missing")
    for mix, load in loads.items():
        lags = [lag for some in load.lags.values() for lag in some]
        cpu, loop = load.cpu / load.seconds, load.loop / load.seconds
        print(f"{mix:10} {cpu:>14.2%} of a core {loop:>14.2%}   {times(lags):22}{load.missing:>6}")
    for name, lags in loads["mixed"].lags.items():
        print(f"  of mixed, {name:9} {times(lags)}")
    return 0


def times(lags: Sequence[float]) -> str:
    """Percentiles, in milliseconds."""
    return " / ".join(f"{value * 1000:.0f}" for value in np.percentile(lags, (50, 95, 99))) + " ms"


async def measured(conversations: int, seconds: float, turns: int) -> dict[str, Load]:
    """The sums of all turns of each mix. Each turn of one mix is next to one of every other."""
    third = conversations // 3
    mixes = {name: [name] * conversations for name in PATHS} | {"mixed": [name for name in PATHS for _ in range(third)]}
    loads = {mix: Load() for mix in mixes}
    settings = {"MOSHI_MODEL": str(RANDOM_MODEL), "MOSHI_SLOTS": str(conversations)}
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder), **settings) as server:
        await until_ready(server)
        address = server.url.removesuffix("/api/chat")
        for turn in range(turns + 1):
            for mix, names in mixes.items():
                load = await talk(address, names, seconds, server.process.pid)
                if turn:  # the first one warms up
                    loads[mix].add(load)
    return loads


async def talk(address: str, names: Sequence[str], seconds: float, pid: int) -> Load:
    """One turn: a conversation for each name."""
    speech = noise(seconds)
    pages = encode(speech)
    scaled = (speech * 32767).astype("<i2")
    pcm = [b64encode(scaled[start : start + FRAME].tobytes()).decode() for start in range(0, len(scaled), FRAME)]
    epoch = time.monotonic() + 1.0
    talks = [
        asyncio.create_task(_converse(address, name, pages, pcm, epoch + FRAME_SECONDS * index / len(names)))
        for index, name in enumerate(names)
    ]
    await asyncio.sleep(epoch - time.monotonic())
    before = _cpu(pid)
    await asyncio.sleep(len(pcm) * FRAME_SECONDS)
    after = _cpu(pid)
    load = Load(len(names) * len(pcm) * FRAME_SECONDS, after[0] - before[0], after[1] - before[1])
    for name, conversation in zip(names, await asyncio.gather(*talks), strict=True):
        load.lags[name] += conversation.lags()
        load.missing += max(0, len(conversation.sent) - 1 - len(conversation.heard))
    return load


async def _converse(address: str, name: str, pages: list[bytes], pcm: list[str], first: float) -> Conversation:
    url = address + PATHS[name]
    result = Conversation(planned=len(pcm))
    if name == "chat":

        async def begin() -> tuple[Pace, int]:
            return Pace(first), len(pages)

        return await converse(url, pages, patience=PATIENCE, grace=GRACE, keep_audio=False, begin=begin, into=result)
    async with dial(url, None, PATIENCE) as socket:
        if name == "live":
            await asyncio.sleep(max(0.0, first - FRAME_SECONDS - time.monotonic()))  # earlier, it would hear silence
            await socket.send(START)
            async with asyncio.timeout(PATIENCE):
                while '"session.started"' not in (await socket.recv(decode=True))[:HEAD]:
                    pass
        wanted = len(pcm) - UNHEARD[name] - 1
        listening = asyncio.create_task(_listen(socket, DELTA[name], result, wanted))
        pace = Pace(first)
        for audio in pcm:
            await asyncio.sleep(pace.wait(time.monotonic()))
            pace.went()
            result.sent.append(time.monotonic())
            await socket.send(f'{{"type":"{APPEND[name]}","audio":"{audio}"}}')
        await asyncio.wait([listening], timeout=GRACE)
        listening.cancel()
    del result.sent[: UNHEARD[name]]
    return result


async def _listen(socket: ClientConnection, delta: str, result: Conversation, wanted: int) -> None:
    """Note when answers come, until all that are wanted are there."""
    try:
        while len(result.heard) < wanted:
            message = await socket.recv(decode=True)
            if delta in message[:HEAD]:
                result.heard.append(time.monotonic())
    except ConnectionClosed:
        return


def _cpu(pid: int) -> tuple[float, float]:
    """Seconds of a process, and of its first thread."""
    ticks = os.sysconf("SC_CLK_TCK")

    def seconds(path: str) -> float:
        fields = Path(path).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    return seconds(f"/proc/{pid}/stat"), seconds(f"/proc/{pid}/task/{pid}/stat")


if __name__ == "__main__":
    sys.exit(main())
