"""Sends the services what no client should: `python tools/fuzzing.py URL [--minutes M]`, URL being of /api/chat."""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from scenario6_client.audio import encode, noise
from scenario6_client.connection import dial

KINDS = range(256)
PARAMETERS = ("text_temperature", "audio_temperature", "text_topk", "audio_topk", "seed", "text_seed", "protocol", "x")
VALUES = ("", "0", "-1", "2", "1e308", "nan", "inf", "hot", "9" * 400, "\0", "%", "٣", "2.5")
PATIENCE = 15.0
"""Seconds after which a connection that does not close counts as hung."""


@dataclass
class Outcome:
    connections: int = 0
    messages: int = 0
    hung: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    """Close codes; 1006 where the connection broke without one."""


class Mutations:
    """Conversations from the pages of a real one, damaged; the same for the same seed."""

    def __init__(self, pages: Sequence[bytes], seed: int) -> None:
        self._pages = pages
        self._random = random.Random(seed)

    def query(self) -> str:
        pick = self._random
        if pick.random() < 0.6:
            return ""
        chosen = pick.sample(PARAMETERS, pick.randint(1, 3))
        return "?" + urlencode({name: pick.choice(VALUES) for name in chosen})

    def messages(self) -> list[str | bytes]:
        """In the order of a conversation, so that damage also comes after a good beginning."""
        kept = self._random.randint(0, len(self._pages))
        return [self._message(page) for page in self._pages[:kept]] + [self._message(b"")]

    def _message(self, page: bytes) -> str | bytes:
        pick = self._random
        match pick.choices(("whole", "flip", "cut", "kind", "noise", "large", "text"), (60, 8, 8, 10, 8, 1, 1))[0]:
            case "flip" if page:
                damaged = bytearray(page)
                damaged[pick.randrange(len(page))] ^= 1 << pick.randrange(8)
                return bytes(damaged)
            case "cut":
                return page[: pick.randint(0, len(page))]
            case "kind":
                return bytes([pick.choice(KINDS)]) + page[1:]
            case "noise":
                return pick.randbytes(pick.randint(0, 600))
            case "large":
                return pick.randbytes(pick.choice((16_384, 16_385, 200_000)))
            case "text":
                return pick.choice(("", "hello", "{}", "\ud7ff" * 10))
            case _:
                return page


async def fuzz(url: str, mutations: Mutations, connections: int, at_once: int) -> Outcome:
    """So many connections, some at a time, each with a conversation of its own."""
    outcome = Outcome()
    left = iter(range(connections))

    async def client() -> None:
        for _ in left:
            await _converse(url + mutations.query(), mutations.messages(), outcome)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return outcome


async def _converse(url: str, messages: list[str | bytes], outcome: Outcome) -> None:
    outcome.connections += 1
    try:
        async with asyncio.timeout(PATIENCE), dial(url, None, PATIENCE) as socket:
            try:
                for message in messages:
                    await socket.send(message)
                    outcome.messages += 1
                await asyncio.sleep(0.05)
            except ConnectionClosed:
                pass
            await socket.close()
            outcome.codes[socket.close_code or 1006] += 1
    except TimeoutError:
        outcome.hung += 1
    except (InvalidHandshake, OSError):
        outcome.codes[1006] += 1


def main(argv: Sequence[str] | None = None) -> int:
    """Print what came of it; the exit code is 1 if anything hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    pages, total, seed = encode(noise(2.0)), Outcome(), given.seed
    ends = time.monotonic() + 60 * given.minutes
    while time.monotonic() < ends:
        outcome = asyncio.run(fuzz(given.url, Mutations(pages, seed), connections=100, at_once=8))
        seed += 1
        total.connections += outcome.connections
        total.messages += outcome.messages
        total.hung += outcome.hung
        total.codes += outcome.codes
    print(json.dumps({"seeds": seed - given.seed, **vars(total)}))
    return 1 if total.hung else 0


if __name__ == "__main__":
    sys.exit(main())
