"""One client: sends 80 ms of Opus every 80 ms, as a microphone does, and notes when each answer came."""

import asyncio
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import sphn
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SAMPLE_RATE = 24_000
FRAME = 1_920
FRAME_SECONDS = FRAME / SAMPLE_RATE
KIND_HANDSHAKE, KIND_AUDIO, KIND_TEXT, KIND_METADATA = 0, 1, 2, 4


def encode(samples: NDArray[np.float32]) -> list[bytes]:
    """Float32 mono at 24 kHz as one audio message for each 80 ms; the rest that fills none is left out."""
    writer = sphn.OpusStreamWriter(SAMPLE_RATE)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return [bytes([KIND_AUDIO]) + bytes(writer.append_pcm(frame)) for frame in frames]


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)


@dataclass
class Conversation:
    """What happened. Times are seconds on the client's monotonic clock."""

    handshake_seconds: float | None = None
    """From dialling to the handshake; none if there was none."""
    sent: list[float] = field(default_factory=list)
    """When each input frame was sent."""
    heard: list[float] = field(default_factory=list)
    """When each output frame came."""
    audio: bytes = b""
    """The Ogg stream that came."""
    text: str = ""
    metadata: list[dict[str, object]] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""

    def lags(self) -> list[float]:
        """Seconds from sending input frame n + 1, which output frame n needs, to hearing the latter."""
        return [heard - sent for heard, sent in zip(self.heard, self.sent[1:], strict=False)]

    def samples(self) -> NDArray[np.float32]:
        """What was heard, float32 at 24 kHz."""
        return np.asarray(sphn.OpusStreamReader(SAMPLE_RATE).append_bytes(self.audio), dtype=np.float32)


async def converse(
    url: str, messages: Sequence[bytes], *, trust: ssl.SSLContext | None = None, patience: float = 5.0
) -> Conversation:
    """Talk once: send each message in its turn, then wait until all answers are there, at most `patience` seconds.

    A server that refuses or hangs is a result, not an exception: see `close_code` and `handshake_seconds`.
    """
    result = Conversation()
    dialled = time.monotonic()
    async with connect(url, ssl=trust, compression=None, max_size=None, ping_interval=None) as socket:
        ready = asyncio.Event()
        enough = asyncio.Event()

        async def receive() -> None:
            try:
                async for message in socket:
                    assert isinstance(message, bytes)
                    now = time.monotonic()
                    match message[0]:
                        case k if k == KIND_HANDSHAKE:
                            result.handshake_seconds = now - dialled
                            ready.set()
                        case k if k == KIND_AUDIO:
                            result.heard.append(now)
                            result.audio += message[1:]
                            if len(result.heard) >= len(messages) - 1:
                                enough.set()
                        case k if k == KIND_TEXT:
                            result.text += message[1:].decode()
                        case k if k == KIND_METADATA:
                            result.metadata.append(json.loads(message[1:]))
            except ConnectionClosed:
                pass
            result.close_code, result.close_reason = socket.close_code, socket.close_reason or ""
            ready.set()
            enough.set()

        receiver = asyncio.create_task(receive())
        try:
            async with asyncio.timeout(patience):
                await ready.wait()
            if result.handshake_seconds is not None:
                await _send(socket.send, messages, result)
                async with asyncio.timeout(patience):
                    await enough.wait()
        except (TimeoutError, ConnectionClosed):
            pass
        await socket.close()
        await receiver
    return result


async def _send(send: object, messages: Sequence[bytes], result: Conversation) -> None:
    assert callable(send)
    start = time.monotonic()
    for index, message in enumerate(messages):
        await asyncio.sleep(max(0.0, start + (index + 1) * FRAME_SECONDS - time.monotonic()))
        result.sent.append(time.monotonic())
        await send(message)
