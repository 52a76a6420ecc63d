"""One conversation: a client sends 80 ms of Opus every 80 ms, as a microphone does, and notes what comes and when."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from moshi_service.errors import Problem
from moshi_service.protocol.events import EndEvent, QueueEvent, ServerEvent, SessionEvent
from scenario6_client.audio import FRAME_SECONDS, Decoder, Samples, frames_by
from scenario6_client.connection import FAILURES, Audio, Handshake, Message, Text, Told, dial, explain, messages
from scenario6_client.pace import Pace

type Begin = Callable[[], Awaitable[tuple[Pace, int]]]
"""Called when the server is ready: from when to speak, and how many frames."""

type Speak = Callable[[ClientConnection], Awaitable[None]]
"""Called when the server is ready: sends audio messages, and returns when there is nothing more to say."""


class Messages(Protocol):
    """Audio messages, one for each frame."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


@dataclass
class Conversation:
    """The events of a conversation. Times are seconds on the client's monotonic clock."""

    client: int = 0
    planned: int = 0
    """Frames that it wanted to say when it dialled."""
    due: int = 0
    """Frames that it set out to say once it could."""
    dialled: float = 0.0
    connected: bool = False
    """Whether there was a WebSocket at all."""
    problem: Problem | None = None
    """Why there was none; none as well if nobody answered in time."""
    handshake_seconds: float | None = None
    """From dialling to the handshake; none if there was none."""
    sent: list[float] = field(default_factory=list)
    """When each input frame was sent."""
    heard: list[float] = field(default_factory=list)
    """When each output frame came."""
    audio: bytearray = field(default_factory=bytearray)
    """The Ogg stream that came, if it was to be kept."""
    pieces: list[tuple[float, str]] = field(default_factory=list)
    """The model's words, and when each piece of them came."""
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

    @property
    def text(self) -> str:
        """The model's words."""
        return "".join(piece for _, piece in self.pieces)

    @property
    def session(self) -> SessionEvent | None:
        """The service's name for it, and its settings."""
        return next((event for event in self.events if isinstance(event, SessionEvent)), None)

    @property
    def end(self) -> EndEvent | None:
        """The service's own words for the end."""
        return next((event for event in reversed(self.events) if isinstance(event, EndEvent)), None)

    def lags(self) -> list[float]:
        """Seconds from sending input frame n + 1, which output frame n needs, to hearing the latter."""
        return [heard - sent for heard, sent in zip(self.heard, self.sent[1:], strict=False)]

    def samples(self) -> Samples:
        """The sound that the client heard, float32 at 24 kHz.

        Raises:
            ValueError: it is no Ogg/Opus.
        """
        return Decoder().samples(self.audio)


async def converse(
    url: str,
    messages: Messages,
    *,
    trust: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float = 5.0,
    grace: float | None = None,
    keep_audio: bool = True,
    begin: Begin | None = None,
    listener: Callable[[Message], None] | None = None,
    into: Conversation | None = None,
) -> Conversation:
    """Talk once: send each message in its turn, then wait until all answers are there.

    A server that cannot be reached, refuses or hangs is a result, not an exception.

    Args:
        url: the server's `/api/chat`.
        messages: `Speech`, or from `encode`.
        trust: for wss.
        headers: further ones of the request.
        patience: seconds to wait for the handshake.
        grace: seconds to wait for the last answers; `patience` if none is given.
        keep_audio: whether what was heard is kept, for `samples()`.
        begin: says when to speak; at once without it.
        listener: gets each message from the server. It must not raise.
        into: where to note what happens.
    """
    result = into or Conversation(planned=len(messages))

    async def speak(socket: ClientConnection) -> None:
        pace, result.due = await begin() if begin else (Pace(time.monotonic() + FRAME_SECONDS), len(messages))
        try:
            for message in islice(messages, result.due):
                while (seconds := pace.wait(time.monotonic())) > 0:
                    await asyncio.sleep(seconds)
                pace.went()
                result.sent.append(time.monotonic())
                await socket.send(message)
        finally:
            result.skipped, result.worst = pace.skipped, pace.worst

    await hold(
        url,
        speak,
        result,
        trust=trust,
        headers=headers,
        patience=patience,
        grace=patience if grace is None else grace,
        keep_audio=keep_audio,
        listener=listener,
    )
    return result


async def hold(
    url: str,
    speak: Speak,
    result: Conversation,
    *,
    trust: ssl.SSLContext | None,
    headers: Mapping[str, str] | None,
    patience: float,
    grace: float,
    keep_audio: bool,
    listener: Callable[[Message], None] | None,
) -> None:
    """As `converse`, with anything that speaks. A cancellation closes the connection politely."""
    result.dialled = time.monotonic()
    try:
        async with dial(url, trust, patience, headers=headers) as socket:
            result.connected = True
            ears = _Ears(socket, result, keep_audio, listener)
            listening = asyncio.create_task(ears.listen())
            try:
                async with asyncio.timeout(patience - (time.monotonic() - result.dialled)):
                    await ears.ready.wait()
                if result.handshake_seconds is not None:
                    await speak(socket)
                    async with asyncio.timeout(grace):
                        await ears.enough.wait()
            except (TimeoutError, ConnectionClosed):
                pass
            finally:
                result.ended_by_server = listening.done()
                await socket.close()
                await listening
    except TimeoutError:
        pass
    except FAILURES as error:
        result.problem = explain(error, url)
    finally:
        result.answered.set()


class _Ears:
    """Notes what comes, and says when it is time for the next step."""

    def __init__(
        self,
        socket: ClientConnection,
        result: Conversation,
        keep_audio: bool,
        listener: Callable[[Message], None] | None,
    ) -> None:
        self.ready = asyncio.Event()
        """The handshake is there, or never will be."""
        self.enough = asyncio.Event()
        """Every answer is there, or never will be."""
        self._socket, self._result, self._keep_audio, self._listener = socket, result, keep_audio, listener

    async def listen(self) -> None:
        async for message in messages(self._socket):
            self._note(message, time.monotonic())
            if self._listener:
                self._listener(message)
        self._result.close_code, self._result.close_reason = self._socket.close_code, self._socket.close_reason or ""
        for event in (self.ready, self.enough, self._result.answered):
            event.set()

    def _note(self, message: Message, now: float) -> None:
        result = self._result
        match message:
            case Handshake() if result.handshake_seconds is None:
                result.handshake_seconds = now - result.dialled
                self.ready.set()
                result.answered.set()
            case Audio(ogg):
                result.heard += [now] * ((frames_by(ogg) or 0) - len(result.heard))
                if 0 < result.due <= len(result.heard) + 1:
                    self.enough.set()
                if self._keep_audio:
                    result.audio += ogg
            case Text(piece):
                result.pieces.append((now, piece))
            case Told(None):
                result.unknown_events += 1
            case Told(event):
                assert event is not None
                result.events.append(event)
                if isinstance(event, QueueEvent):
                    result.answered.set()
