"""Causal convolutions that go on where the last step ended, as matrix products.

Signals are [channels, time, slots]: for one tap of a kernel, every slot and moment is a column, and the columns of the
next tap are the same memory a little further on. So a convolution is one product for each tap, without a copy.
PyTorch's own convolutions loop over the slots, or take a pathological path when slots are many and channels few: for 16
slots of the demo codec on a CPU they take 4 times as long.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from moshi.modules import seanet
from moshi.modules.conv import StreamingConv1d, StreamingConvTranspose1d
from torch import Tensor, nn
from torch.nn import functional as F

from moshi_backend.errors import structure as errors
from moshi_backend.model.state import SLOTS, SlotState
from moshi_service.errors import InvalidValue


@dataclass(frozen=True)
class SlotMasks:
    """Which slots a call is for. Booleans [slots].

    `keep`: this input becomes part of the slot's past. `fresh`: the slot has no past yet.
    """

    keep: Tensor
    fresh: Tensor


type Layer = Callable[[Tensor, SlotMasks], Tensor]


class Convolution:
    """[in, time, slots] to [out, time / stride, slots], for kernels that are a multiple of the stride.

    Args:
        weight: [out, in / groups, kernel].
        replicate: before the beginning there is the first sample, not silence.
        activation: whether an ELU of 1 comes before the convolution. It then writes to where the taps read, which saves
            a copy of the signal.
    """

    def __init__(
        self,
        state: SlotState,
        weight: Tensor,
        bias: Tensor | None,
        stride: int = 1,
        groups: int = 1,
        replicate: bool = False,
        activation: bool = False,
    ) -> None:
        out, inputs, kernel = weight.shape
        if kernel % stride:
            raise InvalidValue(errors.unsupported_convolution(kernel, stride))
        self._stride = stride
        self._groups = groups
        self._replicate = replicate
        self._activation = activation
        taps = weight.view(groups, out // groups, inputs, kernel // stride, stride).permute(3, 0, 1, 2, 4)
        taps = taps.reshape(kernel // stride, groups, out // groups, inputs * stride).contiguous()
        # PyTorch's batched product would copy its input for a single group.
        self._taps = list(taps[:, 0] if groups == 1 else taps)
        self._multiply = (torch.addmm, Tensor.addmm_) if groups == 1 else (torch.baddbmm, Tensor.baddbmm_)
        bias = weight.new_zeros(out) if bias is None else bias
        self._bias = bias.view(*self._taps[0].shape[:-1], 1)
        self._overlap = kernel - stride
        if self._overlap:
            self._past = state.allocate((inputs * groups, self._overlap, SLOTS), weight.dtype)

    def __call__(self, x: Tensor, masks: SlotMasks) -> Tensor:
        channels, time, batch = x.shape
        if self._overlap:
            whole = x.new_empty(channels, self._overlap + time, batch)
            now, past = whole.narrow(1, self._overlap, time), self._past[..., :batch]
            if self._activation:
                torch.ops.aten.elu.out(x, out=now)  # type: ignore[attr-defined]
            else:
                now.copy_(x)
            before = torch.where(masks.fresh, now[:, :1], past) if self._replicate else past
            whole.narrow(1, 0, self._overlap).copy_(before)
            torch.where(masks.keep, whole.narrow(1, time, self._overlap), past, out=past)
            x = whole
        elif self._activation:
            x = F.elu(x)
        if self._stride > 1:
            # Samples that one step of the kernel passes become channels; what is left has stride 1.
            x = x.view(channels, -1, self._stride, batch).transpose(1, 2)
        columns = x.reshape(*self._taps[0].shape[:-2], -1, x.shape[-2] * batch)
        width = time // self._stride * batch
        multiply, multiply_on = self._multiply
        y = multiply(self._bias, self._taps[0], columns.narrow(-1, 0, width))
        for tap, weight in enumerate(self._taps[1:], start=1):
            multiply_on(y, weight, columns.narrow(-1, tap * batch, width))
        return y.view(-1, time // self._stride, batch)


class TransposedConvolution:
    """[in, time, slots] to [out, time * stride, slots], for kernels that are a multiple of the stride.

    Each input then adds to whole output blocks of `stride` samples, so that a block depends on the last few inputs: an
    ordinary convolution with `stride` times the channels, which are then laid out in time.

    Args:
        weight: [in, out / groups, kernel].
    """

    def __init__(
        self,
        state: SlotState,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        groups: int = 1,
        activation: bool = False,
    ) -> None:
        inputs, out, kernel = weight.shape
        if kernel % stride:
            raise InvalidValue(errors.unsupported_transposed_convolution(kernel, stride))
        self._stride = stride
        blocks = weight.view(groups, inputs // groups, out, kernel // stride, stride).flip(3)
        turned = blocks.permute(0, 2, 4, 1, 3).reshape(groups * out * stride, inputs // groups, -1).contiguous()
        spread = None if bias is None else bias.repeat_interleave(stride)
        self._convolution = Convolution(state, turned, spread, groups=groups, activation=activation)

    def __call__(self, x: Tensor, masks: SlotMasks) -> Tensor:
        y = self._convolution(x, masks)
        _, time, batch = y.shape
        return y.view(-1, self._stride, time, batch).transpose(1, 2).reshape(-1, time * self._stride, batch)


def network(modules: Iterable[nn.Module], state: SlotState) -> Layer:
    """Upstream's SEANet layers as one function.

    Raises:
        InvalidValue: a layer that no Mimi has.
    """
    layers: list[Layer] = []
    waiting: list[nn.Module] = []  # an ELU that the next convolution may take
    for module in modules:
        takes = isinstance(module, StreamingConv1d | StreamingConvTranspose1d)
        if waiting and not takes:
            layers.append(_layer(waiting.pop(), state))
        if isinstance(module, nn.ELU) and module.alpha == 1.0:
            waiting.append(module)
        else:
            layers.append(_layer(module, state, activation=bool(waiting)))
            waiting.clear()
    layers += [_layer(module, state) for module in waiting]

    def run(x: Tensor, masks: SlotMasks) -> Tensor:
        for layer in layers:
            x = layer(x, masks)
        return x

    return run


def convolution(module: StreamingConv1d, state: SlotState, activation: bool = False) -> Convolution:
    """An upstream convolution.

    Raises:
        InvalidValue: an option that no Mimi has.
    """
    inner = module.conv.conv
    if inner.dilation != (1,):
        raise InvalidValue(errors.unsupported_dilation(inner.dilation[0]))
    replicate = module.pad_mode == "replicate"
    return Convolution(state, inner.weight, inner.bias, inner.stride[0], inner.groups, replicate, activation)


def transposed(module: StreamingConvTranspose1d, state: SlotState, activation: bool = False) -> TransposedConvolution:
    """An upstream transposed convolution.

    Raises:
        InvalidValue: an option that no Mimi has.
    """
    inner = module.convtr.convtr
    return TransposedConvolution(state, inner.weight, inner.bias, inner.stride[0], inner.groups, activation)


def _layer(module: nn.Module, state: SlotState, activation: bool = False) -> Layer:
    match module:
        case StreamingConv1d():
            return convolution(module, state, activation)
        case StreamingConvTranspose1d():
            return transposed(module, state, activation)
        case seanet.SEANetResnetBlock():
            if not isinstance(module.shortcut, nn.Identity):
                raise InvalidValue(errors.unsupported_shortcut())
            block = network(module.block, state)
            return lambda x, masks: block(x, masks).add_(x)
        case _ if not list(module.parameters()):
            return lambda x, _: module(x)
        case _:
            raise InvalidValue(errors.unsupported_mimi_module(type(module).__name__))
