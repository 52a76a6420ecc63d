"""A client that waits for a slot, on fakes of its socket and of the moshis."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from moshi_frontend import waiting
from moshi_frontend.closing import CloseFrame
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.placement import NotPlaced, Placed
from moshi_frontend.replica import Replica
from moshi_frontend.waiting import Waiting
from moshi_service.protocol.events import EndEvent, QueueEvent
from moshi_service.protocol.wire import HANDSHAKE

pytestmark = pytest.mark.anyio

PLACE = QueueEvent(position=1, wait_seconds=None).message()


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", (0.001, 0.002))


class Moshi:
    """Says the messages of `script`, then ends with its close code, or says no more."""

    def __init__(self, *script: bytes, code: int | None = None) -> None:
        self._script = list(script)
        self._code = code
        self.closed_with: int | None = None
        self.placed = Placed(Replica(Endpoint("http://moshi")), self, waits=True)  # type: ignore[arg-type]

    async def recv(self) -> bytes:
        if self._script:
            return self._script.pop(0)
        if self._code is not None:
            raise ConnectionClosedError(Close(self._code, "because"), None)
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self, code: int) -> None:
        self.closed_with = code


class Client:
    """`sending`: what sending to it raises."""

    def __init__(self, sending: Exception | None) -> None:
        self._sending = sending
        self.told: list[bytes] = []

    async def send_bytes(self, message: bytes) -> None:
        if self._sending is not None:
            raise self._sending
        self.told.append(message)


class Moshis:
    """What `move` and `place` find, one after the other."""

    def __init__(self, *, moves: list[Placed] = [], places: list[Placed] = []) -> None:  # noqa: B006 - never changed
        self._moves, self._places = iter(moves), iter(places)

    async def move(self, _placed: Placed, _open: Any) -> Placed | None:
        return next(self._moves, None)

    async def place(self, _open: Any) -> Placed:
        if (found := next(self._places, None)) is None:
            raise NotPlaced("unreachable", CloseFrame(1013, "nobody"))
        return found


async def wait(
    first: Moshi, moshis: Moshis, *, speaks: bool = False, sending: Exception | None = None
) -> tuple[Placed, list[bytes]]:
    """Where the client ends up, and what it was told. `sending`: what sending to it raises."""
    client = Client(sending)
    message: asyncio.Task[object] = asyncio.create_task(asyncio.sleep(0 if speaks else 60))
    ending: asyncio.Task[object] = asyncio.create_task(asyncio.sleep(60))
    one = Waiting(client, message, ending, moshis, None)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(30):
            return await one.wait(first.placed), client.told
    finally:
        message.cancel()
        ending.cancel()


async def test_it_is_told_its_place_until_the_conversation_begins() -> None:
    moshi = Moshi(PLACE, HANDSHAKE)
    assert await wait(moshi, Moshis()) == (moshi.placed, [PLACE, HANDSHAKE])


async def test_it_moves_to_a_free_slot() -> None:
    here, there = Moshi(PLACE), Moshi()
    slot = Placed(there.placed.replica, there.placed.connection, waits=False)
    assert await wait(here, Moshis(moves=[slot])) == (slot, [PLACE])
    assert here.closed_with == 1001


async def test_a_client_that_has_spoken_stays() -> None:
    here, there = Moshi(), Moshi()
    slot = Placed(there.placed.replica, there.placed.connection, waits=False)
    placed, _ = await wait(here, Moshis(moves=[slot]), speaks=True)
    assert placed is here.placed
    assert here.closed_with is None


@pytest.mark.parametrize("code", [1001, 1011])
async def test_if_its_moshi_goes_away_it_waits_elsewhere_and_hears_of_no_end(code: int) -> None:
    leaving = Moshi(PLACE, EndEvent(code=code, reason="stops").message(), code=code)
    next_one = Moshi(PLACE, HANDSHAKE)
    assert await wait(leaving, Moshis(places=[next_one.placed])) == (next_one.placed, [PLACE, PLACE, HANDSHAKE])


async def test_if_nobody_else_takes_it_the_end_is_told() -> None:
    end = EndEvent(code=1001, reason="stops").message()
    leaving = Moshi(PLACE, end, code=1001)
    assert await wait(leaving, Moshis()) == (leaving.placed, [PLACE, end])


async def test_an_end_for_another_reason_is_one() -> None:
    end = EndEvent(code=4002, reason="no audio").message()
    moshi, other = Moshi(end, code=4002), Moshi()
    assert await wait(moshi, Moshis(places=[other.placed])) == (moshi.placed, [end])


async def test_it_does_not_wander_for_ever() -> None:
    away = [Moshi(code=1001) for _ in range(9)]
    placed, _ = await wait(away[0], Moshis(places=[one.placed for one in away[1:]]))
    assert placed is away[waiting.LOSSES].placed


async def test_a_client_that_is_being_closed_is_one_that_left() -> None:
    """After unanswered pings the server has sent a close frame, and sending raises until the socket is closed."""
    moshi = Moshi(PLACE, PLACE, HANDSHAKE)
    assert await wait(moshi, Moshis(), sending=RuntimeError("after sending 'websocket.close'")) == (moshi.placed, [])


async def test_a_failure_leaves_no_place_taken() -> None:
    here = Moshi(PLACE)
    with pytest.raises(ZeroDivisionError):
        await wait(here, Moshis(), sending=ZeroDivisionError())
    assert here.closed_with == 1001
