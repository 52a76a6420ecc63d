"""Ogg/Opus whose messages and pages hold much sound."""

import re
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sphn

from moshi_backend.conversation.opus import MESSAGE_SECONDS, NotOpus, OpusCodec

pytestmark = pytest.mark.anyio

FRAME = 1920
FRAME_SECONDS = 0.08


def codec() -> OpusCodec:
    return OpusCodec(ThreadPoolExecutor(1), 24_000, FRAME)


def pages(seconds: float) -> list[bytes]:
    """Pages of 80 ms of silence; the first one begins with the stream's headers."""
    writer = sphn.OpusStreamWriter(24_000)
    return [bytes(writer.append_pcm(np.zeros(FRAME, np.float32))) for _ in range(round(seconds / FRAME_SECONDS))]


def checksum(page: bytes) -> int:
    """Ogg's: CRC-32 with the highest bit first."""
    total = 0
    for byte in page:
        total ^= byte << 24
        for _ in range(8):
            total = (total << 1 ^ (0x04C11DB7 if total >> 31 else 0)) & 0xFFFF_FFFF
    return total


def one_page(seconds: float) -> bytes:
    """The headers, and one page with so much silence."""
    head, tags, *others = re.findall(b"OggS.*?(?=OggS|$)", b"".join(pages(seconds)), re.DOTALL)
    lengths = b"".join(page[27 : 27 + page[26]] for page in others)
    packets = b"".join(page[27 + page[26] :] for page in others)
    serial = others[0][14:18]
    blank = struct.pack("<4sBBq4sIIB", b"OggS", 0, 0, 0, serial, 2, 0, len(lengths)) + lengths + packets
    return b"".join((head, tags, blank[:22], struct.pack("<I", checksum(blank)), blank[26:]))


@pytest.mark.parametrize("size", [1 << 20, 1000])
async def test_a_message_may_hold_more_sound_than_a_page(size: int) -> None:
    ogg, decoding = b"".join(pages(12.0)), codec()
    heard = [len(await decoding.decode(ogg[start : start + size])) for start in range(0, len(ogg), size)]
    assert sum(heard) == pytest.approx(12.0 / FRAME_SECONDS, abs=2)


async def test_the_sound_of_a_message_is_bounded() -> None:
    with pytest.raises(NotOpus) as raised:
        await codec().decode(b"".join(pages(MESSAGE_SECONDS + 1)))
    assert str(raised.value.problem) == "[audio-message-too-long] a message has more than 20 s of sound"


async def test_a_page_of_five_seconds_is_heard_and_a_longer_one_has_an_error_that_says_so() -> None:
    assert len(await codec().decode(one_page(4.96))) == 62
    with pytest.raises(NotOpus) as raised:
        await codec().decode(one_page(5.04))
    assert raised.value.problem.code == "audio-page-too-long"
    assert "a page may have at most 5 s of sound" in raised.value.problem.text


async def test_other_bytes_are_not_opus() -> None:
    headers = pages(FRAME_SECONDS)[0]
    with pytest.raises(NotOpus) as raised:
        await codec().decode(headers.replace(b"OpusHead", b"OpusHeap"))
    assert raised.value.problem.code == "not-opus"
