"""PCM in base64, to frames and back."""

import base64
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_backend.conversation.openai import pcm


def encoded(samples: list[int]) -> bytes:
    return np.array(samples, "<i2").tobytes()


@given(st.lists(st.integers(-32768, 32767), max_size=40), st.lists(st.integers(0, 80), max_size=6))
def test_frames_do_not_depend_on_where_messages_are_cut(samples: list[int], cuts: list[int]) -> None:
    """Also between the two bytes of a sample."""
    data, reader = encoded(samples), pcm.PcmReader(4)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    frames = [frame for piece in pieces for frame in reader.read(base64.b64encode(piece).decode())]
    whole = samples[: len(samples) // 4 * 4]
    assert [round(float(value) * 32768) for frame in frames for value in frame] == whole
    assert all(frame.shape == (4,) and frame.dtype == np.float32 for frame in frames)


def test_what_is_sent_is_what_was_made_and_extremes_are_clipped() -> None:
    samples = np.array([0.0, 0.5, -1.0, 1.0, 7.0, -7.0], np.float32)
    sent = np.frombuffer(base64.b64decode(pcm.write(samples)), "<i2")
    assert sent.tolist() == [0, 16384, -32768, 32767, 32767, -32768]


@pytest.mark.parametrize("text", ["*", "abc", "AAA=A", "ä", "A" * 5])
def test_bad_base64_is_an_error_and_the_stream_goes_on(text: str) -> None:
    reader = pcm.PcmReader(1)
    reader.read(base64.b64encode(b"\x01").decode())
    with pytest.raises(pcm.NotBase64):
        reader.read(text)
    (frame,) = reader.read(base64.b64encode(b"\x02").decode())
    assert frame[0] == pytest.approx(0x0201 / 32768)


def test_clearing_forgets_a_part_of_a_frame() -> None:
    reader = pcm.PcmReader(2)
    assert reader.read(base64.b64encode(encoded([1])).decode()) == []
    reader.clear()
    assert reader.read(base64.b64encode(encoded([2])).decode()) == []
