"""Mimi, the codec: a frame of samples to codes and back."""

import torch
from moshi.models import MimiModel
from torch import Tensor

from moshi_backend.errors import structure as errors
from moshi_backend.model.convolution import SlotMasks, convolution, network, transposed
from moshi_backend.model.quantizer import Quantizer
from moshi_backend.model.state import SlotState
from moshi_backend.model.transformer import RingTransformer
from moshi_service.errors import InvalidValue


class Codec:
    """One frame a call, for the first slots of the state, as many as the input has."""

    def __init__(self, mimi: MimiModel, state: SlotState) -> None:
        self._quantizer = Quantizer(mimi.quantizer)
        self._encoder = network(mimi.encoder.model, state)
        self._encoder_transformer = RingTransformer(mimi.encoder_transformer.transformer, state)
        self._downsample = convolution(mimi.downsample.conv, state)
        self._upsample = transposed(mimi.upsample.convtr, state)
        self._decoder_transformer = RingTransformer(mimi.decoder_transformer.transformer, state)
        self._decoder = network(mimi.decoder.model, state)
        for projected in (mimi.encoder_transformer, mimi.decoder_transformer):
            if projected.input_proj is not None or list(projected.output_projs.parameters()):
                raise InvalidValue(errors.unsupported_mimi_width())

    def encode(self, samples: Tensor, keep: Tensor) -> Tensor:
        """[slots, frame_size] to codes [slots, codebooks]; the codec goes on only in slots of `keep`."""
        masks = SlotMasks(keep, self._encoder_transformer.steps[: len(keep)] == 0)
        latent = self._encoder(samples.t()[None], masks)
        latent = _timewise(self._encoder_transformer, latent, keep)
        return self._quantizer.encode(self._downsample(latent, masks)[:, 0].t())

    def decode(self, codes: Tensor, keep: Tensor) -> Tensor:
        """Codes [slots, codebooks] to [slots, frame_size]; the codec goes on only in slots of `keep`."""
        masks = SlotMasks(keep, self._decoder_transformer.steps[: len(keep)] == 0)
        latent = self._quantizer.decode(codes).t()[:, None]
        latent = _timewise(self._decoder_transformer, self._upsample(latent, masks), keep)
        return self._decoder(latent, masks)[0].t()


def _timewise(transformer: RingTransformer, latent: Tensor, keep: Tensor) -> Tensor:
    """A transformer over [channels, time, slots]."""
    return transformer(latent.permute(2, 1, 0), keep).permute(2, 1, 0)


def check_samples(samples: Tensor) -> Tensor:
    """What is not a number becomes silence, and what is too loud is cut off."""
    return torch.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).clamp(-1.0, 1.0)
