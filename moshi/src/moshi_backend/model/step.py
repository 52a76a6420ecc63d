"""One step of the batch: a frame of samples in, a frame of samples and its tokens out, for the first slots.

It touches only tensors, at addresses that never change, and asks for no value of theirs, so that it can be recorded
once as a CUDA graph and replayed (`cuda_graphs`). All input of a slot is one record of numbers, and so is all its
output: one copy to the device and one back. Every field is float32, in which tokens are exact.
"""

import numpy as np
import torch

from moshi_backend.model.codec import Codec, check_samples
from moshi_backend.model.language_model import LanguageModel, StepControls
from moshi_backend.model.sampling import TokenSampling
from moshi_backend.model.tokens import NO_TOKEN


def input_dtype(frame_size: int, streams: int) -> np.dtype[np.void]:
    """The record of a slot's input. `streams`: text and the model's codebooks.

    `active`: whether the slot has a frame. `first`: whether it is the slot's first step. `forced`: tokens or NO_TOKEN.
    `uniform`: random numbers in [0, 1).
    """
    sampling = [("temperature", "f4"), ("top_k", "f4")]
    return np.dtype(
        [
            ("samples", "f4", (frame_size,)),
            ("active", "f4"),
            ("first", "f4"),
            ("forced", "f4", (streams,)),
            ("uniform", "f4", (streams,)),
            ("text", sampling),
            ("audio", sampling),
        ]
    )


def output_dtype(frame_size: int, streams: int) -> np.dtype[np.void]:
    """The record of a slot's output. The tokens are NO_TOKEN where the step has no output for the slot."""
    return np.dtype([("samples", "f4", (frame_size,)), ("tokens", "f4", (streams,))])


def columns(record: np.dtype[np.void]) -> dict[str, slice]:
    """Which columns of a float32 table, [slots, columns], each field of the record takes."""
    assert record.fields is not None
    return {
        name: slice(offset // 4, (offset + field.itemsize) // 4) for name, (field, offset, *_) in record.fields.items()
    }


class Step:
    """Reads `inputs` and writes `outputs`, float32 [slots, columns], whose columns `input` and `output` describe.

    Attributes:
        recordable: see `StepControls`. True on every device but the CPU, where a shorter way is known to be faster.
    """

    def __init__(
        self, codec: Codec, language: LanguageModel, frame_size: int, slots: int, device: torch.device
    ) -> None:
        streams = language.delay_pattern.model_streams
        self.input = input_dtype(frame_size, streams)
        self.output = output_dtype(frame_size, streams)
        self.inputs = torch.zeros(slots, self.input.itemsize // 4, device=device)
        self.outputs = torch.zeros(slots, self.output.itemsize // 4, device=device)
        self.recordable = device.type != "cpu"
        self._codec = codec
        self._language = language
        self._in, self._out = columns(self.input), columns(self.output)
        for sampled in ("text", "audio"):  # recordings step before any input comes, and no sampler takes zeros
            self.inputs[:, self._in[sampled]] = torch.tensor(TokenSampling(0.0, 0).controls, device=device)

    def __call__(self, slots: int) -> None:
        """Step the first `slots` slots. Those that are not active do not move."""
        field = {name: self.inputs[:slots, place] for name, place in self._in.items()}
        active, first = field["active"][:, 0] > 0, field["first"][:, 0] > 0
        controls = StepControls(
            field["forced"].long(), field["uniform"], field["text"], field["audio"], self.recordable
        )
        # The codes of a conversation's first frame carry the codec's padding, and belong to the moment before it.
        # Upstream steps the model without them and resets the codec. Here the codec does not advance.
        user_codes = self._codec.encode(check_samples(field["samples"]), active & ~first)
        tokens, ready = self._language.step(user_codes, active, first, controls)
        out = self.outputs[:slots]
        out[:, self._out["samples"]] = self._codec.decode(tokens[:, 1:], ready)
        out[:, self._out["tokens"]] = torch.where(ready[:, None], tokens, NO_TOKEN).float()
