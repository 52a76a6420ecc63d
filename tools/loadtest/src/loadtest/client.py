"""One client: sends 80 ms of Opus every 80 ms, as a microphone does, and notes when each answer came."""

import asyncio
import socket as sockets
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sphn
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from loadtest.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, encode, frames_by, noise
from loadtest.schedule import Pace
from moshi_service.protocol import events
from moshi_service.protocol.events import QueueEvent, ServerEvent
from moshi_service.protocol.wire import Kind

__all__ = ["FRAME", "FRAME_SECONDS", "SAMPLE_RATE", "Conversation", "converse", "dial", "encode", "noise"]

_PIECE = 1024
"""Bytes that are decoded at once: the decoder fails when a call gives it more than five seconds."""

type Begin = Callable[[], Awaitable[tuple[Pace, int]]]
"""Called when the server is ready: from when to speak, and how many frames."""


@dataclass
class Conversation:
    """What happened. Times are seconds on the client's monotonic clock."""

    client: int = 0
    planned: int = 0
    """Frames that it wanted to say when it dialled."""
    due: int = 0
    """Frames that it set out to say once it could."""
    dialled: float = 0.0
    connected: bool = False
    """Whether there was a WebSocket at all."""
    error: str = ""
    """Why there was none."""
    handshake_seconds: float | None = None
    """From dialling to the handshake; none if there was none."""
    sent: list[float] = field(default_factory=list)
    """When each input frame was sent."""
    heard: list[float] = field(default_factory=list)
    """When each output frame came."""
    audio: bytearray = field(default_factory=bytearray)
    """The Ogg stream that came, if it was to be kept."""
    text: str = ""
    events: list[ServerEvent] = field(default_factory=list)
    """Sent by our services with `?protocol=2`."""
    unknown_events: int = 0
    """Metadata messages that are no event of this version."""
    close_code: int | None = None
    close_reason: str = ""
    ended_by_server: bool = False
    skipped: int = 0
    """Turns that this program was too late for."""
    worst: float = 0.0
    """The latest turn, in seconds."""
    answered: asyncio.Event = field(default_factory=asyncio.Event, repr=False, compare=False)
    """Set once the server said anything about its readiness: the handshake, a place in the queue, or no."""

    def lags(self) -> list[float]:
        """Seconds from sending input frame n + 1, which output frame n needs, to hearing the latter."""
        return [heard - sent for heard, sent in zip(self.heard, self.sent[1:], strict=False)]

    def samples(self) -> NDArray[np.float32]:
        """What was heard, float32 at 24 kHz."""
        reader = sphn.OpusStreamReader(SAMPLE_RATE)
        pieces = (self.audio[start : start + _PIECE] for start in range(0, len(self.audio), _PIECE))
        decoded = [np.asarray(reader.append_bytes(bytes(piece)), dtype=np.float32) for piece in pieces]
        return np.concatenate([np.zeros(0, np.float32), *decoded])


def dial(url: str, trust: ssl.SSLContext | None, patience: float, over: sockets.socket | None = None) -> connect:
    """A connection to enter with `async with`; nothing between it and the server, no limits on what is received."""
    return connect(
        url,
        ssl=trust,
        proxy=None,
        compression=None,
        max_size=None,
        ping_interval=None,
        open_timeout=patience,
        close_timeout=2,
        sock=over,
    )


async def converse(
    url: str,
    messages: Sequence[bytes],
    *,
    trust: ssl.SSLContext | None = None,
    patience: float = 5.0,
    grace: float | None = None,
    keep_audio: bool = True,
    begin: Begin | None = None,
    into: Conversation | None = None,
) -> Conversation:
    """Talk once: send each message in its turn, then wait until all answers are there.

    A server that cannot be reached, refuses or hangs is a result, not an exception.

    Args:
        url: the server's `/api/chat`.
        messages: from `encode`.
        trust: for wss.
        patience: seconds to wait for the handshake.
        grace: seconds to wait for the last answers; `patience` if none is given.
        keep_audio: whether what was heard is kept, for `samples()`.
        begin: says when to speak; at once without it.
        into: where to note what happens.
    """
    result = into or Conversation(planned=len(messages))
    result.dialled = time.monotonic()
    try:
        async with dial(url, trust, patience) as socket:
            result.connected = True
            ears = _Ears(socket, result, keep_audio)
            listening = asyncio.create_task(ears.listen())
            try:
                async with asyncio.timeout(patience - (time.monotonic() - result.dialled)):
                    await ears.ready.wait()
                if result.handshake_seconds is not None:
                    await _speak(socket, messages, result, begin)
                    async with asyncio.timeout(patience if grace is None else grace):
                        await ears.enough.wait()
            except (TimeoutError, ConnectionClosed):
                pass
            finally:
                result.ended_by_server = listening.done()
                await socket.close()
                await listening
    except TimeoutError:
        pass
    except InvalidStatus as refusal:
        result.error = f"HTTP {refusal.response.status_code}"
    except (OSError, InvalidHandshake, EOFError) as error:
        result.error = str(error) or type(error).__name__
    finally:
        result.answered.set()
    return result


async def _speak(
    socket: ClientConnection, messages: Sequence[bytes], result: Conversation, begin: Begin | None
) -> None:
    pace, result.due = await begin() if begin else (Pace(time.monotonic() + FRAME_SECONDS), len(messages))
    try:
        for message in messages[: result.due]:
            while (seconds := pace.wait(time.monotonic())) > 0:
                await asyncio.sleep(seconds)
            pace.went()
            result.sent.append(time.monotonic())
            await socket.send(message)
    finally:
        result.skipped, result.worst = pace.skipped, pace.worst


class _Ears:
    """Notes what comes, and says when it is time for the next step."""

    def __init__(self, socket: ClientConnection, result: Conversation, keep_audio: bool) -> None:
        self.ready = asyncio.Event()
        """The handshake is there, or never will be."""
        self.enough = asyncio.Event()
        """Every answer is there, or never will be."""
        self._socket, self._result, self._keep_audio = socket, result, keep_audio

    async def listen(self) -> None:
        try:
            async for message in self._socket:
                if isinstance(message, bytes) and message:
                    self._note(message[0], message[1:], time.monotonic())
        except ConnectionClosed:
            pass
        self._result.close_code, self._result.close_reason = self._socket.close_code, self._socket.close_reason or ""
        for event in (self.ready, self.enough, self._result.answered):
            event.set()

    def _note(self, kind: int, payload: bytes, now: float) -> None:
        result = self._result
        if kind == Kind.HANDSHAKE and result.handshake_seconds is None:
            result.handshake_seconds = now - result.dialled
            self.ready.set()
            result.answered.set()
        elif kind == Kind.AUDIO:
            result.heard += [now] * ((frames_by(payload) or 0) - len(result.heard))
            if 0 < result.due <= len(result.heard) + 1:
                self.enough.set()
            if self._keep_audio:
                result.audio += payload
        elif kind == Kind.TEXT:
            result.text += payload.decode(errors="replace")
        elif kind == Kind.METADATA:
            try:
                event = events.parse(payload)
            except ValueError:
                result.unknown_events += 1
                return
            result.events.append(event)
            if isinstance(event, QueueEvent):
                result.answered.set()
