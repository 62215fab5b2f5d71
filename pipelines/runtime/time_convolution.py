"""Convolutions over time with the channels next to each other in memory.

Tensors keep the shape `[batch, channels, time]`; only their strides are those of
`[batch, time, channels]`. On a CPU a convolution takes that layout without rearranging its
input and output; elementwise operations keep it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def channels_last(x: Tensor) -> Tensor:
    """`[batch, channels, time]` with the strides of `[batch, time, channels]`; a copy if needed."""
    return x.mT.contiguous().mT


class TimeConv(nn.Conv1d):
    """A convolution that gives and prefers the channels last, in the type of its weights."""

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` of any layout and type."""
        padding = self.padding if isinstance(self.padding, str) else (0, *self.padding)
        y = F.conv2d(
            channels_last(x.to(self.weight.dtype))[:, :, None],
            self.weight[:, :, None],
            self.bias,
            stride=(1, *self.stride),
            padding=padding,
            dilation=(1, *self.dilation),
        )
        return y[:, :, 0]


def store_channels_last(module: nn.Module) -> None:
    """Give the weights of all `TimeConv` the layout that every call would give them otherwise."""
    for layer in module.modules():
        if isinstance(layer, TimeConv):
            layer.weight.data = channels_last(layer.weight.data)
