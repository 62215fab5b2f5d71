"""The snake residual block shared by StyleTTS2's generators."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.fast_convolution.blocks import suits
from pipelines.networks.norms import AdaIN
from pipelines.networks.vocoders.fast_snake import FastSnakeResidual
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.time_convolution import TimeConv


class SnakeResidual(nn.Module):
    """For each dilation: AdaIN, snake, dilated convolution, AdaIN, snake, convolution, add."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], style: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_same(channels, kernel, 1) for _ in dilations)
        self.adain1 = nn.ModuleList(AdaIN(style, channels) for _ in dilations)
        self.adain2 = nn.ModuleList(AdaIN(style, channels) for _ in dilations)
        self.alpha1 = nn.ParameterList(slopes(channels) for _ in dilations)
        self.alpha2 = nn.ParameterList(slopes(channels) for _ in dilations)

    def forward(self, x: Tensor, style: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, channels, frames]`. Beyond each length the result is undefined."""
        first = zip(self.adain1, self.alpha1, self.convs1, strict=True)
        second = zip(self.adain2, self.alpha2, self.convs2, strict=True)
        for (norm1, alpha1, conv1), (norm2, alpha2, conv2) in zip(first, second, strict=True):
            h = conv1(_normed_snake(norm1, x, style, lengths, alpha1))
            x = x + conv2(_normed_snake(norm2, h, style, lengths, alpha2))
        return x

    def faster(self, dtype: torch.dtype) -> nn.Module | None:
        """The same with fewer products, for a CPU, if there is a scheme for its convolutions."""
        convs = [*self.convs1, *self.convs2]
        if not all(suits(conv.weight) for conv in convs):
            return None
        styles = [norm.fc for norm in (*self.adain1, *self.adain2)]
        return FastSnakeResidual(styles, [*self.alpha1, *self.alpha2], convs, dtype)


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """`x + sin²(αx) / α` for each channel, α `[1, channels, 1]` (Ziyin et al., 2020)."""
    alpha = alpha.to(x.dtype)
    wave = (alpha * x).sin_()
    return torch.addcdiv(x, wave.square_(), alpha)


def slopes(channels: int) -> nn.Parameter:
    """The α of each channel, `[1, channels, 1]`."""
    return nn.Parameter(torch.ones(1, channels, 1))


def _normed_snake(
    norm: nn.Module, x: Tensor, style: Tensor, lengths: Lengths, alpha: Tensor
) -> Tensor:
    """Snake of the normalised `x`.

    With `u = αh` straight from the norm it is `(u + sin²u) / α`: two passes fewer. It maps 0 to 0,
    so zeros beyond a member's end stay zeros.
    """
    u: Tensor = norm(x, style, lengths, alpha.flatten())
    wave = u.sin()
    return u.addcmul_(wave, wave).mul_(alpha.reciprocal().to(u.dtype))


def _same(channels: int, kernel: int, dilation: int) -> TimeConv:
    padding = dilation * (kernel - 1) // 2
    return TimeConv(channels, channels, kernel, dilation=dilation, padding=padding)
