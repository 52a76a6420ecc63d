"""Text tokens to text. A character may take several tokens, so decoding is state of a conversation."""

import codecs
from collections.abc import Collection, Sequence

from sentencepiece import SentencePieceProcessor

SPACE = "▁"
"""How SentencePiece writes a space."""


def token_bytes(tokenizer: SentencePieceProcessor, tokens: int, silent: Collection[int]) -> list[bytes]:
    """The UTF-8 of each token from 0 to `tokens` - 1.

    A byte-fallback token is one byte. Control tokens, `silent` ones and those that the tokenizer lacks are empty.
    """
    known = min(tokens, tokenizer.vocab_size())
    return [b"" if token in silent else _bytes(tokenizer, token) for token in range(known)] + [b""] * (tokens - known)


def _bytes(tokenizer: SentencePieceProcessor, token: int) -> bytes:
    if tokenizer.is_control(token) or tokenizer.is_unknown(token) or tokenizer.is_unused(token):
        return b""
    piece = str(tokenizer.id_to_piece(token))
    if tokenizer.is_byte(token):  # <0xE7>
        return bytes([int(piece[1:-1], 16)])
    return piece.replace(SPACE, " ").encode()


class TextDecoder:
    """The text of one conversation, token by token.

    Args:
        vocabulary: the bytes of each token, from `token_bytes`.
    """

    def __init__(self, vocabulary: Sequence[bytes]) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """The characters that this token completes. An invalid sequence becomes U+FFFD."""
        return self._decoder.decode(self._vocabulary[token])

    def finish(self) -> str:
        """U+FFFD if the conversation ends inside a character, else nothing."""
        return self._decoder.decode(b"", final=True)
