"""The command `scenario6 talk`: a conversation with a sound card, or with files."""

import time
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

import numpy as np
from websockets.asyncio.client import ClientConnection

from moshi_service.errors import Problem
from moshi_service.protocol.wire import CloseCode
from scenario6_client import errors, recordings
from scenario6_client.address import host_of, with_parameters
from scenario6_client.audio import FRAME, SAMPLE_RATE, Decoder, Encoder, Samples, Speech, silence
from scenario6_client.captions import Terminal, state_of
from scenario6_client.connection import Audio, Complaint, Handshake, Message, Text, Told, authorization
from scenario6_client.conversation import Conversation, converse, hold
from scenario6_client.playout import Playout
from scenario6_client.sound import open_card
from scenario6_client.trust import trust

GRACE_SECONDS = 5.0
"""Longest wait for the answers to the last frames of a file."""
LOST_SECONDS = 20.0
"""A service that sent no sound for so long is gone. It answers every frame."""
CLOSED_WITHOUT_A_WORD = 1006
"""The close code of a connection that broke."""
SLOW_SAMPLES = SAMPLE_RATE // 2
"""Sound that the speaker did not take in time: from here on the person is told."""
LIVE = "live: speak, best with headphones, or Moshi hears itself; Ctrl-C hangs up"


@dataclass(frozen=True)
class Plan:
    """The choices of one call of `talk`. Times are seconds.

    Attributes:
        url: of the WebSocket.
        parameters: query parameters, besides `protocol=2`.
        question: the file that is sent; none for the microphone.
        answer: the file for Moshi's sound.
        report: the file for the record.
        listen: silence that is sent after the question.
        wait: longest wait until the conversation begins.
        authority, insecure: as in `trust`.
        token: of a service that asks for one.
        microphone, speaker: numbers or names; none for the system's own.
        buffer: that each of the two is asked to hold.
    """

    url: str
    parameters: tuple[tuple[str, str], ...] = ()
    question: Path | None = None
    answer: Path | None = None
    report: Path | None = None
    listen: float = 10.0
    wait: float = 600.0
    authority: Path | None = None
    insecure: bool = False
    token: str | None = None
    microphone: str | None = None
    speaker: str | None = None
    buffer: float = 0.1

    @property
    def address(self) -> str:
        """The URL with all query parameters."""
        return with_parameters(self.url, [*self.parameters, ("protocol", "2")])


async def talk(plan: Plan, terminal: Terminal, conversation: Conversation) -> None:
    """Hold the conversation, and note it in `conversation`. A cancellation hangs up politely.

    Raises:
        ProblemError: it cannot begin, or the sound card stops.
    """
    believed = trust(plan.url, plan.authority, insecure=plan.insecure)
    terminal.state(f"connecting to {host_of(plan.url)}")
    if plan.question is not None:
        await _with_file(plan, plan.question, believed, terminal, conversation)
    else:
        await _with_card(plan, believed, terminal, conversation)


async def _with_file(
    plan: Plan, file: Path, believed: SSLContext | None, terminal: Terminal, conversation: Conversation
) -> None:
    speech = Speech(padded(recordings.read(file), plan.listen))
    conversation.planned = len(speech)
    await converse(
        plan.address,
        speech,
        trust=believed,
        headers=authorization(plan.token),
        patience=plan.wait,
        grace=GRACE_SECONDS,
        listener=Listener(terminal, f"live: Moshi hears {file.name}"),
        into=conversation,
    )


def padded(question: Samples, listen: float) -> Samples:
    """The question in whole frames, and then silence for the answer."""
    sound = np.concatenate((question, silence(listen)))
    return np.pad(sound, (0, -len(sound) % FRAME))


async def _with_card(plan: Plan, believed: SSLContext | None, terminal: Terminal, conversation: Conversation) -> None:
    async with open_card(plan.microphone, plan.speaker, plan.buffer) as card:

        async def speak(socket: ClientConnection) -> None:
            encoder, began = Encoder(), time.monotonic()
            card.forget()
            while True:
                frame = await card.frame()
                now = time.monotonic()
                if now - max([began, *conversation.heard[-1:]]) > LOST_SECONDS:
                    conversation.problem = errors.conversation_broke()
                    return
                conversation.sent.append(now)
                await socket.send(encoder.message(frame))

        try:
            await hold(
                plan.address,
                speak,
                conversation,
                trust=believed,
                headers=authorization(plan.token),
                patience=plan.wait,
                grace=0.0,
                keep_audio=plan.answer is not None,
                listener=Listener(terminal, LIVE, card.playout),
            )
        finally:
            if card.playout.skipped > SLOW_SAMPLES:
                seconds = card.playout.skipped / SAMPLE_RATE
                terminal.state(f"the sound card was slow: {seconds:.1f} s of Moshi were left out; try --buffer 0.5")


class Listener:
    """Shows what the server sends, and plays it."""

    def __init__(self, terminal: Terminal, live: str, playout: Playout | None = None) -> None:
        """`live`: the line for the beginning of the conversation."""
        self._terminal, self._live, self._playout = terminal, live, playout
        self._decoder = Decoder()

    def __call__(self, message: Message) -> None:
        match message:
            case Handshake():
                self._terminal.state(self._live)
            case Audio(ogg) if self._playout is not None:
                try:
                    self._playout.push(self._decoder.samples(ogg))
                except ValueError as error:
                    self._playout = None
                    self._terminal.state(str(errors.answer_unreadable(error)))
            case Text(piece):
                self._terminal.caption(piece)
            case Told(event) if event is not None and (line := state_of(event)):
                self._terminal.state(line)
            case Complaint(text):
                self._terminal.state(text)


def failure(plan: Plan, conversation: Conversation) -> Problem | None:
    """Why there was no conversation, or why it ended too early; none if it went as it was meant."""
    if conversation.problem is not None:
        return conversation.problem
    if not conversation.connected:
        return errors.service_not_reached(host_of(plan.url), "no answer in time")
    if not conversation.ended_by_server:
        return errors.waited_too_long(plan.wait) if conversation.handshake_seconds is None else None
    if conversation.close_code == CloseCode.FINISHED and plan.question is None:
        return None  # its time is over, as the service announced
    if (end := conversation.end) is not None and end.error is not None:
        return Problem(end.error, end.reason)
    if conversation.close_code == CLOSED_WITHOUT_A_WORD:
        return errors.conversation_broke()
    return errors.conversation_closed(conversation.close_code, conversation.close_reason)
