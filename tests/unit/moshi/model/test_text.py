"""Text tokens to characters, one token at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from moshi_backend.model.text import TextDecoder, token_bytes
from support.wording import END_OF_PADDING, SPOKEN, TOKENS, byte, byte_tokenizer

SILENT = (7, END_OF_PADDING)
BYTES = [bytes([value]) for value in range(256)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> SentencePieceProcessor:
    return byte_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


def test_pieces_bytes_and_silent_tokens(tokenizer: SentencePieceProcessor) -> None:
    vocabulary = token_bytes(tokenizer, TOKENS + 5, SILENT)
    assert len(vocabulary) == TOKENS + 5
    assert vocabulary[SPOKEN] == b"hm"
    assert [vocabulary[token] for token in (0, 1, 2, 7)] == [b""] * 4
    assert vocabulary[byte(tokenizer, 0xE7)] == b"\xe7"
    spaced = tokenizer.piece_to_id("▁th")
    assert not tokenizer.is_unknown(spaced)
    assert vocabulary[spaced] == b" th"
    assert vocabulary[tokenizer.vocab_size() :] == [b""] * (TOKENS + 5 - tokenizer.vocab_size())
    assert len(token_bytes(tokenizer, 10, ())) == 10


def test_everything_that_the_tokenizer_encodes_comes_back(tokenizer: SentencePieceProcessor) -> None:
    text = "the bird says 爿 und für 🐦 ok"
    decoder = TextDecoder(token_bytes(tokenizer, TOKENS, SILENT))
    tokens = tokenizer.encode(text)
    assert any(tokenizer.is_byte(token) for token in tokens)
    assert "".join(map(decoder.feed, tokens)) + decoder.finish() == " " + text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xe7\x88\xbf", ["", "", "爿"]),
        (b"\xe7\x88a", ["", "", "\ufffda"]),
        (b"\xe7\xe7\x88\xbf", ["", "\ufffd", "", "爿"]),
        (b"\xbfa", ["\ufffd", "a"]),
        (b"\xff", ["\ufffd"]),
        (b"\xe7\x88", ["", ""]),
    ],
)
def test_a_character_comes_when_it_is_complete(data: bytes, said: list[str]) -> None:
    decoder = TextDecoder(BYTES)
    assert [decoder.feed(token) for token in data] == said
    assert decoder.finish() == ("\ufffd" if data == b"\xe7\x88" else "")


def test_padding_inside_a_character_does_not_break_it() -> None:
    decoder = TextDecoder([*BYTES, b""])
    assert [decoder.feed(token) for token in (0xC3, 256, 0xA9)] == ["", "", "é"]


@given(st.binary())
def test_any_bytes_give_what_python_makes_of_them(data: bytes) -> None:
    decoder = TextDecoder(BYTES)
    assert "".join(map(decoder.feed, data)) + decoder.finish() == data.decode(errors="replace")
