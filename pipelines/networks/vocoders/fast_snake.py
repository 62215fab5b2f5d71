"""Snake residual blocks by convolutions with fewer products."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipelines.fast_convolution.activations import NormedSnake
from pipelines.fast_convolution.blocks import BlockConvolution, Moments
from pipelines.networks.norms import EPSILON
from pipelines.runtime.lengths import Lengths


class _Layer:
    """AdaIN, snake, convolution."""

    def __init__(
        self, style: nn.Module, alpha: Tensor, conv: nn.Conv1d, dtype: torch.dtype
    ) -> None:
        self._style = style
        self._alpha = alpha.detach().float().flatten()
        self._conv = BlockConvolution(conv.weight, conv.bias, conv.dilation[0], dtype)

    def __call__(
        self, x: Tensor, moments: Moments, style: Tensor, added: Tensor | None = None
    ) -> tuple[Tensor, Moments]:
        gamma, beta = self._style(style).chunk(2, dim=-1)
        scale = (1 + gamma) * (moments.variance + EPSILON).rsqrt()
        shift = beta - moments.mean * scale
        alpha = self._alpha
        activation = NormedSnake(alpha * scale, alpha * shift, alpha.reciprocal())
        return self._conv.measured(x, activation, added)


class FastSnakeResidual(nn.Module):
    """What a `SnakeResidual` (`snake.py`) does, on a CPU, from float32 to float32."""

    dtype = torch.float32
    """Of what comes in and goes out."""

    def __init__(
        self,
        styles: Iterable[nn.Module],
        alphas: Iterable[Tensor],
        convs: Iterable[nn.Conv1d],
        dtype: torch.dtype,
    ) -> None:
        """Of each dilation the first, then of each the second layer: what makes its scale and
        shift of the style, the parameter of its snake, its convolution. Products are of `dtype`."""
        super().__init__()
        self.styles = nn.ModuleList(styles)
        layers = [
            _Layer(style, alpha, conv, dtype)
            for style, alpha, conv in zip(self.styles, alphas, convs, strict=True)
        ]
        half = len(layers) // 2
        self._layers = list(zip(layers[:half], layers[half:], strict=True))

    def forward(self, x: Tensor, style: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, channels, steps]`, float32. Beyond each length the result is undefined."""
        steps = x.mT.contiguous()
        result = torch.empty_like(steps)
        for i, length in enumerate(lengths.values):
            result[i, :length] = self._member(steps[i, :length], style[i])
        return result.mT

    def _member(self, x: Tensor, style: Tensor) -> Tensor:
        moments = Moments.of(x)
        for first, second in self._layers:
            x, moments = second(*first(x, moments, style), style, added=x)
        return x
