"""Floods of tiny frames that a load test sends as bytes are well-formed WebSocket frames."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from loadtest.abuse import FRAMES, KINDS


@pytest.mark.parametrize(("kind", "opcode"), [("pings", Opcode.PING), ("parts", Opcode.CONT), ("tiny", Opcode.BINARY)])
def test_a_flood_is_of_its_kind(kind: str, opcode: Opcode) -> None:
    assert kind in KINDS
    first, repeated = FRAMES[kind]
    server = ServerProtocol(state=State.OPEN)
    server.receive_data(first + repeated * 100)
    assert server.parser_exc is None
    frames = server.events_received()[-100:]
    assert {frame.opcode for frame in frames if isinstance(frame, Frame)} == {opcode}
