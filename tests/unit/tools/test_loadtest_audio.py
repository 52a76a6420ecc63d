from itertools import pairwise

import numpy as np
import pytest

from loadtest.audio import FRAME, SAMPLE_RATE, encode, extreme, frames_by, noise
from moshi_service.protocol.wire import Kind


def test_speech_is_one_audio_message_for_each_whole_frame() -> None:
    messages = encode(np.concatenate([noise(0.4), np.zeros(FRAME // 2, np.float32)]))
    assert len(messages) == 5
    assert all(message[:5] == b"\x01OggS" for message in messages)
    assert all(first != second for first, second in pairwise(messages))


def test_the_frames_so_far_are_read_from_the_pages() -> None:
    assert [frames_by(message[1:]) for message in encode(noise(0.4))] == [1, 2, 3, 4, 5]


def test_several_messages_in_one_are_counted_by_the_last() -> None:
    assert frames_by(b"".join(message[1:] for message in encode(noise(0.4)))) == 5


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"OggS", encode(noise(0.1))[0][1:] + b"more"])
def test_what_is_no_page_is_no_audio(garbage: bytes) -> None:
    assert frames_by(garbage) is None


def test_the_loudest_audio_can_be_encoded_and_is_out_of_range() -> None:
    samples = extreme(0.4)
    assert len(samples) == round(0.4 * SAMPLE_RATE)
    assert np.abs(samples).max() > 1e6
    assert [message[0] for message in encode(samples)] == [Kind.AUDIO] * 5
