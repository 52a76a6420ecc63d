"""Hands the bytes of a peer to a parser, in pieces, no faster than the peer may send.

A parser takes microseconds for a frame of six bytes, and one read from a socket can hold 40,000 of them. So the event
loop never parses everything that it reads: it parses a few pieces, lets other connections go on, and stops reading
from a peer that is over its rate. TCP then makes the peer wait.
"""

import asyncio
from collections.abc import Callable

PIECES_AT_ONCE = 32
"""Pieces that are parsed before other connections get their turn."""

PENDING_BYTES = 1024 * 1024
"""A peer whose unparsed bytes exceed this is dropped. asyncio reads 256 KiB at most before a pause takes effect."""


class Meter:
    """The generic cell rate algorithm: `rate` units a second on average, and `burst` units at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._unit = 1 / rate
        self._burst = burst / rate
        self._paid_until = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next unit may be spent."""
        return max(0.0, self._paid_until - now - self._burst)

    def spend(self, units: float, now: float) -> None:
        """Count `units` that were taken at `now`, also beyond the rate."""
        self._paid_until = max(self._paid_until, now) + units * self._unit


class Gate:
    """Args:
    transport: reading is paused and resumed here, and nowhere else.
    cut: size (bytes) and cost (the meter's units) of the next piece; None if its beginning is not complete.
    parse: takes the bytes. A piece may come in several calls.
    ready: whether the application can take more. Call `go_on` when this changes.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        meter: Meter,
        cut: Callable[[bytearray], tuple[int, float] | None],
        parse: Callable[[bytes], None],
        ready: Callable[[], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._meter = meter
        self._cut = cut
        self._parse = parse
        self._ready = ready
        self._pending = bytearray()
        self._left = 0
        """Bytes of the current piece that were not parsed yet."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._over_since: float | None = None
        self.parsed_at = self._loop.time()
        """When bytes of the peer were last taken."""

    def seconds_over(self, now: float) -> float:
        """For how long the peer has been over its rate, without catching up."""
        return 0.0 if self._over_since is None else now - self._over_since

    def receive(self, data: bytes) -> None:
        """Bytes that the peer sent."""
        if self._closed:
            return
        self._pending += data
        if len(self._pending) > PENDING_BYTES:
            self._transport.abort()
            return
        self.go_on()

    def go_on(self) -> None:
        """Parse what may be parsed now, and read on if that was everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._parse_some()
        if self._closed:
            return
        if wait is not None:
            self._timer = self._loop.call_later(wait, self.go_on)
        if wait is None and self._ready():
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def take(self) -> bytes:
        """Close the gate, and take the bytes that were not parsed."""
        rest = bytes(self._pending)
        self.close()
        return rest

    def close(self) -> None:
        """Drop the bytes that were not parsed, and take no more."""
        self._closed = True
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _parse_some(self) -> float | None:
        """Seconds after which to go on by itself; None if bytes are missing or the application is not ready."""
        pieces = PIECES_AT_ONCE
        while self._pending and self._ready() and not self._closed:
            if self._left == 0:
                now = self._loop.time()
                if wait := self._meter.wait(now):
                    self._over_since = self._over_since or now
                    return wait
                if pieces == 0:
                    return 0.0
                if (piece := self._cut(self._pending)) is None:
                    return None
                pieces -= 1
                self._left, cost = piece
                self._meter.spend(cost, now)
            chunk = bytes(self._pending[: self._left])
            del self._pending[: self._left]
            self._left -= len(chunk)
            self.parsed_at = self._loop.time()
            self._parse(chunk)
        if not self._pending:
            self._over_since = None
        return None


def frame(pending: bytearray) -> tuple[int, float] | None:
    """The WebSocket frame at the beginning: its size with its header, and 1 as its cost."""
    if len(pending) < 2:
        return None
    mask = 4 if pending[1] & 0x80 else 0
    match pending[1] & 0x7F:
        case 126:
            extended = 2
        case 127:
            extended = 8
        case length:
            return 2 + mask + length, 1.0
    if len(pending) < 2 + extended:
        return None
    return 2 + extended + mask + int.from_bytes(pending[2 : 2 + extended]), 1.0


def line(pending: bytearray) -> tuple[int, float]:
    """The line at the beginning, or the part of it that is there; a line costs 1."""
    return pending.find(b"\n") + 1 or len(pending), 1.0


def some_bytes(pending: bytearray, most: int = 1024) -> tuple[int, float]:
    """Up to `most` bytes, each of which costs 1."""
    size = min(len(pending), most)
    return size, float(size)
