"""What the model writes, as a client of the real service reads it."""

from pathlib import Path

import pytest

from loadtest.client import converse, encode, noise
from support.services import running_moshi
from support.wording import END_OF_PADDING, SPOKEN, byte, byte_tokenizer, checkpoint_that_says

PADDING = 7
SECONDS = 4.0


@pytest.mark.anyio
async def test_bytes_become_characters_and_padding_is_the_checkpoints(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.model")
    word, other = (tokenizer.piece_to_id(piece) for piece in ("▁th", "e"))
    whole, broken, lonely, last = (
        [byte(tokenizer, value) for value in data] for data in (b"\xe7\x88\xbf", b"\xf0\x9f", b"\x80", b"\xe2")
    )
    tokens = [word, *whole, PADDING, *broken, other, SPOKEN, *lonely, *last, END_OF_PADDING]
    checkpoint_that_says(tmp_path, tokens, PADDING)
    settings = {"MOSHI_MODEL": str(tmp_path), "MOSHI_SLOTS": "1", "MOSHI_SESSION_SECONDS": str(SECONDS)}
    with running_moshi(tmp_path, settings) as moshi:
        talk = await converse(moshi.chat, encode(noise(2 * SECONDS)))
    assert talk.ended_by_server
    assert talk.text == " th爿\ufffdehm\ufffd\ufffd"
