"""The text side: one piece of SentencePiece for each word of the lines."""

import io

import sentencepiece

from demo_model.sentences import LINES

PAD = 3
"""Upstream's id for a frame without text."""
END_OF_PAD = 0

WORDS = sorted({word for text in LINES.values() for word in text.split()})
TEXT_CARD = len(WORDS) + 4


def train() -> bytes:
    """The tokenizer as a file: ids 0 to 3 are SentencePiece's own, and each word has an id of its own."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)]),
        model_writer=model,
        model_type="word",
        vocab_size=TEXT_CARD,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=PAD,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def word_ids(tokenizer: bytes) -> dict[str, int]:
    """The id of each word."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer)
    ids = {word: processor.encode(word) for word in WORDS}
    for word, pieces in ids.items():
        if len(pieces) != 1 or pieces[0] <= PAD:
            raise ValueError(f"the tokenizer splits {word!r} into {pieces}")
    return {word: pieces[0] for word, pieces in ids.items()}
