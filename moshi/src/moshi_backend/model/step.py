"""One tick: a frame of samples in, a frame of samples and its tokens out, for the first rows of the batch.

It touches only tensors, at addresses that never change, and asks for no value of theirs, so that it can be recorded
once as a CUDA graph and replayed (`replay`). What a row needs and what it says each fit into one line of numbers: one
copy to the device and one back, whatever is in them. Tokens are exact in float32.
"""

from dataclasses import dataclass

import torch

from moshi_backend.model.codec import Codec, check_samples
from moshi_backend.model.language_model import Controls, LanguageModel

NOTHING = -1
"""In place of a text token: the row has said nothing in this tick."""


@dataclass(frozen=True)
class Layout:
    """Which columns of a line are what.

    In: samples, whether the row has a frame, whether it is its first, given tokens, chances, temperature and top-k of
    text and of audio.
    Out: samples, tokens.
    """

    frame_size: int
    tokens: int

    @property
    def active(self) -> int:
        return self.frame_size

    @property
    def opening(self) -> int:
        return self.frame_size + 1

    @property
    def given(self) -> slice:
        return slice(self.frame_size + 2, self.frame_size + 2 + self.tokens)

    @property
    def chance(self) -> slice:
        return slice(self.given.stop, self.given.stop + self.tokens)

    @property
    def text(self) -> slice:
        return slice(self.chance.stop, self.chance.stop + 2)

    @property
    def audio(self) -> slice:
        return slice(self.text.stop, self.text.stop + 2)

    @property
    def samples(self) -> slice:
        return slice(0, self.frame_size)

    @property
    def said(self) -> slice:
        return slice(self.frame_size, self.frame_size + self.tokens)


class Tick:
    """Reads `inputs`, writes `outputs`; both [rows, columns], float32."""

    def __init__(self, codec: Codec, language: LanguageModel, layout: Layout, rows: int, device: torch.device) -> None:
        self._codec = codec
        self._language = language
        self._layout = layout
        self.inputs = torch.zeros(rows, layout.audio.stop, device=device)
        self.outputs = torch.zeros(rows, layout.said.stop, device=device)

    def __call__(self, rows: int) -> None:
        layout, lines = self._layout, self.inputs[:rows]
        active = lines[:, layout.active] > 0
        controls = Controls(
            lines[:, layout.given].long(), lines[:, layout.chance], lines[:, layout.text], lines[:, layout.audio]
        )
        # A conversation's first frame carries the codec's padding, and belongs to the moment before it. Upstream steps
        # the model, which is not told what was heard then, and starts the codec again: here it does not go on.
        opening = lines[:, layout.opening] > 0
        heard = self._codec.encode(check_samples(lines[:, layout.samples]), active & ~opening)
        tokens, ready = self._language.step(heard, active, opening, controls)
        samples = self._codec.decode(tokens[:, 1:], ready)
        out = self.outputs[:rows]
        out[:, layout.samples] = samples
        out[:, layout.said] = torch.where(ready[:, None], tokens, NOTHING).float()
