"""The AdaIN residual block that the prosody predictor and the decoder trunk are made of."""

from __future__ import annotations

from math import sqrt

import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.networks.norms import AdaIN
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.time_convolution import TimeConv

SLOPE = 0.2
"""LeakyReLU slope of the text encoder, the predictor and the trunk."""


class AdaINResidual(nn.Module):
    """Two style-normalised convolutions and a shortcut, over √2; optionally doubles the frames."""

    def __init__(self, channels_in: int, channels: int, style: int, upsample: bool = False) -> None:
        super().__init__()
        self.norm1 = AdaIN(style, channels_in)
        self.conv1 = TimeConv(channels_in, channels, 3, padding=1)
        self.norm2 = AdaIN(style, channels)
        self.conv2 = TimeConv(channels, channels, 3, padding=1)
        self.pool = _doubling(channels_in) if upsample else None
        changes = channels_in != channels
        self.conv1x1 = TimeConv(channels_in, channels, 1, bias=False) if changes else None

    def forward(self, x: Tensor, style: Tensor, lengths: Lengths) -> tuple[Tensor, Lengths]:
        """`x` `[batch, channels_in, frames]`. Beyond each length the result is undefined."""
        h = F.leaky_relu(self.norm1(x, style, lengths), SLOPE)
        if self.pool is not None:
            lengths = lengths.map(lambda frames: 2 * frames)
            h = lengths.clear(self.pool(h))
            x = x.repeat_interleave(2, dim=2)
        h = F.leaky_relu(self.norm2(self.conv1(h), style, lengths), SLOPE)
        h = self.conv2(h)
        if self.conv1x1 is not None:
            x = self.conv1x1(x)
        return (h + x) / sqrt(2), lengths


def _doubling(channels: int) -> nn.ConvTranspose1d:
    return nn.ConvTranspose1d(
        channels, channels, 3, stride=2, padding=1, output_padding=1, groups=channels
    )
