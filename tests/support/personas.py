"""A catalogue of voices and roles for a model that there is not."""

import numpy as np

from moshi_backend.model.prompt import DelayPattern, PromptStart
from moshi_backend.personas.catalogue import Catalogue, Texts
from moshi_backend.personas.presets import Preset
from moshi_backend.personas.voices import Voice

PATTERN = DelayPattern((0, 0, 1, 0, 1), initial_text=90, initial_audio=80, text_padding=3, model_codebooks=2)
WIDTH = 4


class Words:
    """A tokenizer with one token a word."""

    def encode(self, text: str) -> list[int]:
        return [10 + index for index, _ in enumerate(text.split())]


def voice(id_: str = "anna", frames: int = 4) -> Voice:
    return Voice(id_, PromptStart(PATTERN.initial()), np.arange(frames * 2).reshape(frames, 2))


def catalogue(
    *voices: Voice, texts: Texts = "free", made_for_it: bool = True, most: int = 20, default: str | None = None
) -> Catalogue:
    presets = [Preset(id="a", name="A", text="you are a ship")]
    tokenizer = Words() if made_for_it else None
    return Catalogue(PATTERN, 2048, tokenizer, voices, presets, default, texts, most, 0.08)
