from itertools import pairwise

import numpy as np
import pytest

from loadtest.__main__ import summary
from loadtest.client import FRAME, Conversation, encode, noise


def test_lag_counts_from_the_input_that_an_answer_needs() -> None:
    conversation = Conversation(sent=[0.0, 0.08, 0.16], heard=[0.10, 0.20])
    assert conversation.lags() == pytest.approx([0.02, 0.04])


def test_refused_and_unanswered_stay_in_the_summary() -> None:
    served = Conversation(handshake_seconds=0.01, sent=[0.0, 0.08, 0.16], heard=[0.10], close_code=1000)
    refused = Conversation(close_code=1013, close_reason="full")
    result = summary([served, refused])
    assert (result["sessions"], result["served"], result["missing_frames"]) == (2, 1, 1)
    assert result["closed"] == ["1013 full"]


def test_speech_is_one_audio_message_for_each_whole_frame() -> None:
    messages = encode(np.concatenate([noise(0.4), np.zeros(FRAME // 2, np.float32)]))
    assert len(messages) == 5
    assert all(message[:5] == b"\x01OggS" for message in messages)
    assert all(first != second for first, second in pairwise(messages))
