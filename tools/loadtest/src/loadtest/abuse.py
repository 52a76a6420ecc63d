"""Clients that break the rules, one rule each."""

import asyncio
import functools
import itertools
import os
import socket as sockets
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from moshi_service.protocol.wire import Kind
from scenario6_client.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, Samples, encode
from scenario6_client.connection import dial

KINDS = {
    "flood": "ten times as fast as real time",
    "silent": "says nothing",
    "garbage": "random bytes as audio",
    "half-page": "half an Ogg page, then nothing",
    "nan": "the loudest audio that Opus carries (it has no NaN)",
    "big": "one message of 5 MiB",
    "text": "text messages",
    "unknown": "kinds that the protocol does not have",
    "frozen": "reads nothing from its socket",
    "reconnect": "connects and drops, again and again",
    "pings": "empty ping frames, a megabyte a second",
    "parts": "a message of empty continuation frames, a megabyte a second",
    "tiny": "messages of one byte, a megabyte a second",
}

_NO_MASK = bytes(4)
FRAMES = {
    "pings": (b"", bytes([0x89, 0x80]) + _NO_MASK),
    "parts": (bytes([0x02, 0x80]) + _NO_MASK, bytes([0x00, 0x80]) + _NO_MASK),
    "tiny": (b"", bytes([0x82, 0x81]) + _NO_MASK + bytes([Kind.CONTROL])),
}
"""The frame that comes first, and the one that is repeated, as bytes: a library would send them too slowly."""

FRAMES_BYTES_PER_SECOND = 1_000_000
FRAMES_EVERY_SECONDS = 0.01

FLOOD_SPEED = 10
type Script = Iterator[tuple[float, bytes | str]]
"""Seconds to wait, and what to send then."""


@dataclass
class Ending:
    """The end of an abusive client."""

    kind: str
    connections: int = 0
    handshake_seconds: float | None = None
    """Of the last connection."""
    code: int | None = None
    """How the server closed; none if it did not, 1006 if it dropped the connection without a word."""
    reason: str = ""
    ended_seconds: float | None = None
    """From the handshake (without one, from dialling) to that end."""
    heard_messages: int = 0
    refusals: list[str] = field(default_factory=list)
    """The answers to connections that got no handshake, each answer once."""


def extreme(seconds: float) -> Samples:
    """As loud as Opus can carry, which knows no NaN: full-scale square waves and samples far beyond what clips."""
    count = round(seconds * SAMPLE_RATE)
    square = np.where(np.arange(count) // 30 % 2, 1.0, -1.0)
    wild = np.random.default_rng(0).standard_normal(count) * 1e30
    return np.where(np.arange(count) // FRAME % 2, square, wild).astype(np.float32)


@functools.cache
def loud_speech() -> list[bytes]:
    """The sound of `nan`, half a minute of it. Encoding takes a moment, so call this before anyone talks."""
    return encode(extreme(30.0))


def script(kind: str, messages: Sequence[bytes]) -> Script:
    """The messages of such a client, and their times; `messages` is well-formed speech."""
    audio = bytes([Kind.AUDIO])
    match kind:
        case "flood":
            return ((FRAME_SECONDS / FLOOD_SPEED, message) for message in messages)
        case "frozen":
            return ((FRAME_SECONDS, message) for message in messages)
        case "nan":
            return ((FRAME_SECONDS, message) for message in loud_speech())
        case "garbage":
            return ((FRAME_SECONDS, audio + os.urandom(300)) for _ in itertools.count())
        case "half-page":
            # The last message ends within its second page.
            return iter([*((FRAME_SECONDS, message) for message in messages[:3]), (FRAME_SECONDS, messages[3][:200])])
        case "big":
            return iter([(FRAME_SECONDS, audio + bytes(5 << 20))])
        case "text":
            return ((FRAME_SECONDS, "hello") for _ in itertools.count())
        case "unknown":
            return ((FRAME_SECONDS, bytes([kind]) + b"what?") for kind in itertools.cycle(range(7, 256)))
        case _:
            return iter([])


async def misbehave(
    kind: str, url: str, messages: Sequence[bytes], stop: asyncio.Event, trust: ssl.SSLContext | None, patience: float
) -> Ending:
    """Be such a client until the server ends it or `stop` is set."""
    ending = Ending(kind)
    while not stop.is_set():
        began = time.monotonic()
        try:
            deaf = await _deaf_socket(url) if kind == "frozen" else None
            async with dial(url, trust, patience, over=deaf) as socket:
                ending.connections += 1
                await _one(kind, socket, messages, stop, patience, ending)
        except (OSError, InvalidHandshake, EOFError) as error:
            _refused(ending, str(error) or "no answer")
        if kind != "reconnect":
            break
        await asyncio.sleep(max(0.0, began + 0.05 - time.monotonic()))
    return ending


async def _one(
    kind: str, socket: ClientConnection, messages: Sequence[bytes], stop: asyncio.Event, patience: float, ending: Ending
) -> None:
    began = time.monotonic()
    stopped = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[object]] = [stopped]
    try:
        shaken = asyncio.create_task(_handshake(socket))
        tasks.append(shaken)
        await asyncio.wait({shaken, stopped}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if shaken.done() and shaken.result():
            ending.handshake_seconds = time.monotonic() - began
            began = time.monotonic()
            if kind == "reconnect":
                socket.transport.abort()
                return
            if kind == "frozen":
                socket.transport.pause_reading()
            doing = _pour(socket, *FRAMES[kind]) if kind in FRAMES else _perform(socket, script(kind, messages))
            tasks.append(asyncio.create_task(doing))
            reading = asyncio.create_task(_read(socket, ending))
            tasks.append(reading)
            await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if kind == "frozen" and not reading.done():
                # The socket still holds the messages that the server sent meanwhile.
                socket.transport.resume_reading()
                await asyncio.wait({reading}, timeout=1.0)
        elif not shaken.done() and not stop.is_set():
            _refused(ending, f"no handshake in {patience:g} s")
        if socket.close_code is not None:
            ending.code, ending.reason = socket.close_code, socket.close_reason or ""
            ending.ended_seconds = time.monotonic() - began
            if ending.handshake_seconds is None:
                _refused(ending, f"{ending.code} {ending.reason}".strip())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _handshake(socket: ClientConnection) -> bool:
    try:
        async for message in socket:
            if isinstance(message, bytes) and message[:1] == bytes([Kind.HANDSHAKE]):
                return True
    except ConnectionClosed:
        pass
    return False


async def _perform(socket: ClientConnection, lines: Script) -> None:
    due = time.monotonic()
    try:
        for seconds, message in lines:
            due += seconds
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await socket.send(message)
    except ConnectionClosed:
        pass


async def _pour(socket: ClientConnection, first: bytes, repeated: bytes) -> None:
    """The frames, until the connection ends. Those that the server does not take are not made up for."""
    bytes_at_once = int(FRAMES_BYTES_PER_SECOND * FRAMES_EVERY_SECONDS)
    chunk = repeated * (bytes_at_once // len(repeated))
    socket.transport.write(first)
    while not socket.transport.is_closing():
        if socket.transport.get_write_buffer_size() < len(chunk):
            socket.transport.write(chunk)
        await asyncio.sleep(FRAMES_EVERY_SECONDS)


async def _read(socket: ClientConnection, ending: Ending) -> None:
    try:
        async for _ in socket:
            ending.heard_messages += 1
    except ConnectionClosed:
        pass


async def _deaf_socket(url: str) -> sockets.socket:
    """A connected TCP socket with the smallest receive buffer, so that the server soon notices that no one reads."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (await loop.getaddrinfo(parts.hostname, port, type=sockets.SOCK_STREAM))[0]
    socket = sockets.socket(family, kind, protocol)
    try:
        socket.setblocking(False)
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        await loop.sock_connect(socket, address)
    except OSError:
        socket.close()
        raise
    return socket


def _refused(ending: Ending, words: str) -> None:
    if words not in ending.refusals:
        ending.refusals.append(words)
