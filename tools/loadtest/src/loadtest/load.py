"""A run: paced clients that start together, abusive ones beside them."""

import asyncio
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.abuse import FLOOD_SPEED, Ending, loud_speech, misbehave
from loadtest.schedule import first_turn, frames_left, phase_of, stay
from scenario6_client.address import with_parameters
from scenario6_client.audio import FRAME_SECONDS, encode, noise
from scenario6_client.conversation import Conversation, converse
from scenario6_client.pace import Pace
from scenario6_client.trust import trust

GRACE = 0.5
"""Seconds that the last answers are waited for: later they are of no use to anyone who talks."""

_FLOOD_SECONDS = 60.0
"""A flood ends after this long, or its speech would take minutes to encode."""


@dataclass(frozen=True)
class Plan:
    """The load to make. Times are seconds."""

    url: str
    sessions: int = 1
    seconds: float = 20.0
    churn: float | None = None
    """How long a conversation lasts, about, before another client takes its place; none: as long as the run."""
    abusive: tuple[str, ...] = ()
    """A kind for each abusive client."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Added to the address."""
    authority: Path | None = None
    """PEM file that the certificate is checked against. Without it: the system's authorities and this user's own."""
    insecure: bool = False
    queue_patience: float = 10.0
    """How long a client waits for the handshake."""
    start_timeout: float = 5.0
    """How long those with a handshake wait for those without any answer."""
    in_phase: bool = False

    def address(self) -> str:
        """The URL with the parameters in it."""
        return with_parameters(self.url, self.parameters)

    def trust(self) -> ssl.SSLContext | None:
        """The context that verifies the certificate, if there is to be one."""
        return trust(self.url, self.authority, insecure=self.insecure)


@dataclass
class Outcome:
    """The results of a run."""

    conversations: list[Conversation]
    endings: list[Ending]
    started: float
    """When speech began, on the clock of the conversations."""
    cpu: float
    """This program's share of one core."""


def speech_for(plan: Plan) -> list[bytes]:
    """The speech of every client, encoded once: as much as the longest of them needs."""
    longest = plan.seconds if plan.churn is None else min(plan.seconds, 1.5 * plan.churn)
    if "flood" in plan.abusive:
        longest = max(longest, FLOOD_SPEED * min(plan.seconds, _FLOOD_SECONDS))
    return encode(noise(longest + FRAME_SECONDS))


async def run(plan: Plan, speech: Sequence[bytes] | None = None) -> Outcome:
    """Carry it out. `speech` saves encoding it again."""
    speech = speech or speech_for(plan)
    if "nan" in plan.abusive:
        loud_speech()
    return await _Run(plan, speech).go()


class _Run:
    def __init__(self, plan: Plan, speech: Sequence[bytes]) -> None:
        self._plan, self._speech = plan, speech
        self._url, self._trust = plan.address(), plan.trust()
        self._conversations: list[Conversation] = []
        self._epoch: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """When speech begins, once that is known."""

    async def go(self) -> Outcome:
        began, worked = time.monotonic(), time.process_time()
        firsts = [self._new(client, self._plan.seconds) for client in range(self._plan.sessions)]
        seats = [asyncio.create_task(self._seat(first)) for first in firsts]
        await asyncio.wait(
            [asyncio.create_task(first.answered.wait()) for first in firsts], timeout=self._plan.start_timeout
        )
        epoch = time.monotonic()
        self._epoch.set_result(epoch)
        stop = asyncio.Event()
        abusers = [
            asyncio.create_task(misbehave(kind, self._url, self._speech, stop, self._trust, self._plan.queue_patience))
            for kind in self._plan.abusive
        ]
        await asyncio.gather(*seats)
        stop.set()
        endings = await asyncio.gather(*abusers)
        cpu = (time.process_time() - worked) / (time.monotonic() - began)
        return Outcome(self._conversations, endings, epoch, cpu)

    def _new(self, client: int, seconds_left: float) -> Conversation:
        dice = random.Random(f"{client} {len(self._conversations)}")
        conversation = Conversation(client=client, planned=stay(seconds_left, self._plan.churn, dice))
        self._conversations.append(conversation)
        return conversation

    async def _seat(self, conversation: Conversation) -> None:
        """One client after the other, each for as long as it meant to stay, whether the server let it or not."""
        while True:
            await self._talk(conversation)
            epoch = await self._epoch
            leaves = max(conversation.dialled, epoch) + conversation.planned * FRAME_SECONDS
            left = epoch + self._plan.seconds - max(leaves, time.monotonic())
            if self._plan.churn is None or left < 1.0:
                return
            await asyncio.sleep(max(0.0, leaves - time.monotonic()))
            conversation = self._new(conversation.client, left)

    async def _talk(self, conversation: Conversation) -> None:
        async def begin() -> tuple[Pace, int]:
            epoch = await self._epoch
            phase = phase_of(conversation.client, self._plan.sessions, self._plan.in_phase)
            first = first_turn(time.monotonic(), epoch, phase)
            joined = max(conversation.dialled, epoch) + FRAME_SECONDS
            return Pace(first), max(0, frames_left(conversation.planned, joined, first))

        await converse(
            self._url,
            self._speech,
            trust=self._trust,
            patience=self._plan.queue_patience,
            grace=GRACE,
            keep_audio=False,
            begin=begin,
            into=conversation,
        )
