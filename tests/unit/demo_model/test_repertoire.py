"""The lines in frames, and the words in the tokenizer."""

import numpy as np
import sentencepiece
import torch

from demo_model import repertoire, tokenizer
from demo_model.architecture import FRAME
from demo_model.sentences import LINES
from support.mimi import untrained_mimi

IDS = tokenizer.word_ids(tokenizer.train())


def test_each_word_has_a_token_of_its_own() -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.train())
    assert len(set(IDS.values())) == len(tokenizer.WORDS) == tokenizer.TEXT_CARD - 4
    for text in LINES.values():
        assert processor.decode([IDS[word] for word in text.split()]) == text


def test_a_line_is_encoded_as_after_a_silence() -> None:
    key = "backchannel"
    sound = np.random.default_rng(0).normal(size=4 * FRAME + 100).astype(np.float32)
    encoded = repertoire.encode(untrained_mimi(), {key: sound}, {key: [0.0, 0.2]}, IDS)
    line = encoded.lines[key]
    first, second = (IDS[word] for word in LINES[key].split())
    # 4 frames and a part, and two in which it fades.
    assert line.text.tolist() == [first, 3, second, 3, 3, 3, 3]
    assert line.codes.shape == (8, 7)
    np.testing.assert_array_equal(line.audio[: len(sound)], sound)
    assert not line.audio[len(sound) :].any()
    assert encoded.silence.shape == (8,)


def test_a_line_is_played_as_the_decoder_says_it() -> None:
    mimi = untrained_mimi()
    recorded = repertoire.encode(mimi, {"backchannel": np.ones(3 * FRAME, np.float32)}, {"backchannel": [0, 0.1]}, IDS)
    played = repertoire.as_played(mimi, recorded)
    line, original = played.lines["backchannel"], recorded.lines["backchannel"]
    assert line.codes is original.codes
    assert line.audio.shape == original.audio.shape
    assert not np.array_equal(line.audio, original.audio)
    silence = recorded.silence[:, None].repeat(repertoire.LEAD, 1)
    with torch.no_grad():
        decoded = mimi.decode(torch.tensor(np.concatenate([silence, line.codes], axis=1), dtype=torch.long)[None])
    np.testing.assert_allclose(line.audio, decoded[0, 0, repertoire.LEAD * FRAME :], atol=1e-5)


def test_words_that_begin_in_one_frame_take_the_next_ones() -> None:
    text = repertoire._text([5, 6, 7], [0.1, 0.11, 0.12], 6)
    assert text.tolist() == [5, 6, 7, 3, 3, 3]
