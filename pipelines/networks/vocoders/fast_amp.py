"""The residual block of BigVGAN by convolutions with fewer products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipelines.fast_convolution.activations import FilteredSnake
from pipelines.fast_convolution.blocks import BlockConvolution


class FastAMPBlock(nn.Module):
    """What an `AMPBlock` (`bigvgan.py`) does, on a CPU, to float32."""

    def __init__(
        self, activations: Sequence[FilteredSnake], convs: Sequence[nn.Conv1d], dtype: torch.dtype
    ) -> None:
        """Activations and convolutions as they follow each other. Products are of `dtype`."""
        super().__init__()
        fast = [BlockConvolution(conv.weight, conv.bias, conv.dilation[0], dtype) for conv in convs]
        layers = list(zip(activations, fast, strict=True))
        self._layers = list(zip(layers[::2], layers[1::2], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` to the same."""
        members = x.mT.float().contiguous()
        return torch.stack([self._member(member) for member in members]).mT

    def _member(self, x: Tensor) -> Tensor:
        for (before, dilated), (between, plain) in self._layers:
            x = plain(dilated(x, before), between, added=x)
        return x
