"""The residual block of BigVGAN by convolutions with fewer products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipelines.fast_convolution.activations import FilteredSnake
from pipelines.fast_convolution.blocks import BlockConvolution

if TYPE_CHECKING:
    from pipelines.networks.vocoders.antialias import AntiAliasedSnake
    from pipelines.networks.vocoders.bigvgan import AMPBlock


class FastAMPBlock(nn.Module):
    """What an `AMPBlock` does, on a CPU, to float32."""

    def __init__(self, block: AMPBlock, dtype: torch.dtype) -> None:
        """Products are of `dtype`."""
        super().__init__()
        convs = [
            BlockConvolution(conv.weight, conv.bias, conv.dilation[0], dtype)
            for conv in (*block.convs1, *block.convs2)
        ]
        activations = [_filtered(each) for each in block.activations]
        count = len(block.convs1)
        self._layers = list(
            zip(activations[::2], convs[:count], activations[1::2], convs[count:], strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` to the same."""
        members = x.mT.float().contiguous()
        return torch.stack([self._member(member) for member in members]).mT

    def _member(self, x: Tensor) -> Tensor:
        for before, dilated, between, plain in self._layers:
            x = plain(dilated(x, before), between, added=x)
        return x


def _filtered(snake: AntiAliasedSnake) -> FilteredSnake:
    alpha, slope = snake.act.coefficients()
    up, down = snake.upsample.filter.flatten(), snake.downsample.lowpass.filter.flatten()
    rising = 2 * torch.stack([up[1::2].flip(0), up[::2].flip(0)])
    falling = torch.stack([down[1::2], down[::2]])
    return FilteredSnake(alpha[:, 0], slope[:, 0], rising, falling)
