"""A tokenizer that falls back to bytes, and a checkpoint that says a given sequence of text tokens."""

import io
import json
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from support.checkpoints import CONFIG, RANDOM_MODEL

TOKENS = int(CONFIG["text_card"])
"""Text tokens of the random model."""

SPOKEN = 3
"""A word of this tokenizer. In other tokenizers the token is the padding."""

END_OF_PADDING = 0


def byte_tokenizer(path: Path) -> SentencePieceProcessor:
    """Train a real SentencePiece model with byte fallback and write it to `path`. Token 3 says "hm"."""
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["the good bird says that it is here and there with you all day"] * 20),
        model_writer=model,
        model_type="bpe",
        byte_fallback=True,
        user_defined_symbols=["hm"],
        vocab_size=TOKENS,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    tokenizer = SentencePieceProcessor(str(path))
    assert tokenizer.vocab_size() <= TOKENS
    assert tokenizer.id_to_piece(SPOKEN) == "hm"
    return tokenizer


def byte(tokenizer: SentencePieceProcessor, value: int) -> int:
    """The token of one byte."""
    token = int(tokenizer.piece_to_id(f"<0x{value:02X}>"))
    assert tokenizer.is_byte(token)
    return token


@torch.no_grad()
def checkpoint_that_says(folder: Path, tokens: Sequence[int], padding: int) -> None:
    """The random model beside a byte tokenizer, changed so that each text token leads to the next of `tokens`.

    Args:
        tokens: all different; the last one is repeated forever.
        padding: the padding token that config.json names.
    """
    for name in ("mimi.json", "mimi.safetensors"):
        shutil.copyfile(RANDOM_MODEL / name, folder / name)
    config = CONFIG | {"existing_text_padding_id": padding, "lm_gen_config": {"temp": 0.8, "temp_text": 0.0}}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(RANDOM_MODEL / "model.safetensors")
    assert len(set(tokens)) == len(tokens)
    embedded, heads = weights["text_emb.weight"], weights["text_linear.weight"]
    directions = torch.nn.init.orthogonal_(torch.empty(embedded.shape[1], embedded.shape[1]))
    heads.zero_()
    for index, (token, following) in enumerate(pairwise([TOKENS, *tokens, tokens[-1]])):
        embedded[token] = 1e4 * directions[index].to(embedded)
        heads[following] += directions[index].to(heads)
    save_file(weights, folder / "model.safetensors")
