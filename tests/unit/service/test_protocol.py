import json

from hypothesis import given
from hypothesis import strategies as st

from moshi_service.protocol import wire as protocol


def test_a_message_begins_with_its_kind() -> None:
    assert protocol.audio(b"OggS") == b"\x01OggS"
    assert protocol.text(" été") == b"\x02 \xc3\xa9t\xc3\xa9"
    assert bytes(9) == protocol.HANDSHAKE


def test_metadata_is_json_with_its_type() -> None:
    message = protocol.metadata("end", code=1013, reason="full")
    assert message[0] == protocol.Kind.METADATA
    assert json.loads(message[1:]) == {"type": "end", "code": 1013, "reason": "full"}


@given(st.text())
def test_a_close_reason_fits_its_frame_and_is_the_beginning_of_what_was_said(reason: str) -> None:
    cut = protocol.close_reason(reason)
    assert len(cut.encode()) <= protocol.REASON_BYTES
    assert reason.startswith(cut)
    if len(reason.encode()) <= protocol.REASON_BYTES:
        assert cut == reason
