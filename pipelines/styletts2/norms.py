"""Normalisations whose scale and shift come from a style, aware of each member's length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.lengths import Lengths

EPSILON = 1e-5


def instance_norm(x: Tensor, scale: Tensor, shift: Tensor, lengths: Lengths) -> Tensor:
    """`scale · (x − mean) / √(variance + ε) + shift` over each member's real steps.

    `x` is `[batch, channels, steps]`, `scale` and `shift` `[batch, channels]`; the variance is the
    biased one. Steps beyond a member's length come back as zeros.
    """
    batch, channels, steps = x.shape
    if not lengths.padded:
        # One group per channel of one long batch member is an instance norm with its own scale per
        # member, in one fused pass.
        return F.group_norm(
            x.reshape(1, batch * channels, steps),
            batch * channels,
            scale.reshape(-1),
            shift.reshape(-1),
            EPSILON,
        ).view(batch, channels, steps)
    count = lengths.tensor[:, None, None]
    x = x.float()
    centred = lengths.clear(x - lengths.clear(x).sum(-1, keepdim=True) / count)
    variance = centred.square().sum(-1, keepdim=True) / count
    gain = scale[..., None] * torch.rsqrt(variance + EPSILON)
    return lengths.clear(torch.addcmul(shift[..., None], centred, gain))


class AdaIN(nn.Module):
    """Instance normalisation over time with a scale and shift from the style.

    StyleTTS2's has an affine pair of its own too; inference checkpoints hold 1 and 0 there.
    """

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, channels, steps]`, style `[batch, style]`; zeros beyond each length."""
        gamma, beta = self.fc(style).chunk(2, dim=1)
        return instance_norm(x, 1 + gamma, beta, lengths)


class AdaLayerNorm(nn.Module):
    """Layer normalisation over channels with a scale and shift from the style."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` `[batch, steps, channels]`, style `[batch, style]`."""
        gamma, beta = self.fc(style)[:, None].chunk(2, dim=2)
        return torch.addcmul(beta, 1 + gamma, F.layer_norm(x, (self.channels,), eps=EPSILON))


class ChannelLayerNorm(nn.Module):
    """Layer normalisation over the channels of `[batch, channels, steps]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.mT, (x.shape[1],), self.gamma, self.beta, EPSILON)
        return normed.mT
