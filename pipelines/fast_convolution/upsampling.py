"""A transposed convolution over time as one matrix product."""

from __future__ import annotations

from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ProductUpsampling(nn.Module):
    """What a transposed convolution does whose kernel is twice its stride.

    Of s outputs in a row each sees the same two inputs: with y uncropped,
    y[s·q + r] = x[q] w[r] + x[q-1] w[s + r].
    """

    def __init__(self, layer: nn.ConvTranspose1d) -> None:
        super().__init__()
        self.stride, self.padding = layer.stride[0], int(layer.padding[0])
        self.extra = self.stride - 2 * self.padding + layer.output_padding[0]
        inputs, outputs, _ = layer.weight.shape
        both = layer.weight.detach().view(inputs, outputs, 2, self.stride).permute(2, 0, 3, 1)
        self.weight = nn.Parameter(both.reshape(2 * inputs, -1).contiguous(), requires_grad=False)
        bias = layer.weight.new_zeros(outputs) if layer.bias is None else layer.bias.detach()
        self.bias = nn.Parameter(bias.repeat(self.stride), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, steps]` to the layer's own shape, channels last."""
        batch, _, steps = x.shape
        rows = x.mT.to(self.weight.dtype)
        pairs = torch.cat([F.pad(rows, (0, 0, 0, 1)), F.pad(rows, (0, 0, 1, 0))], dim=2)
        raised = F.linear(pairs, self.weight.T, self.bias).view(
            batch, (steps + 1) * self.stride, -1
        )
        return raised[:, self.padding : self.padding + steps * self.stride + self.extra].mT


def is_upsampling(layer: nn.Module) -> TypeGuard[nn.ConvTranspose1d]:
    """Whether `ProductUpsampling` can take the place of a layer."""
    if type(layer) is not nn.ConvTranspose1d or layer.groups > 1 or layer.dilation != (1,):
        return False
    return layer.kernel_size[0] == 2 * layer.stride[0]
