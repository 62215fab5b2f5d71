"""Normalisations whose scale and shift come from a style, aware of each member's length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.lengths import Lengths

EPSILON = 1e-5


def instance_norm(x: Tensor, scale: Tensor, shift: Tensor, lengths: Lengths) -> Tensor:
    """`scale · (x − mean) / √(variance + ε) + shift` over each member's real steps.

    `x` is `[batch, channels, steps]` of any type, `scale` and `shift` `[batch, channels]` float32;
    the variance is the biased one, computed in float32. Steps beyond a member's length come back as
    zeros.
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
    mean = lengths.clear(x).sum(-1, keepdim=True, dtype=torch.float32) / count
    centred = lengths.clear(x - mean)
    variance = centred.square().sum(-1, keepdim=True) / count
    gain = scale[..., None] * torch.rsqrt(variance + EPSILON)
    return lengths.clear(torch.addcmul(shift[..., None], centred, gain)).to(x.dtype)


class AdaIN(nn.Module):
    """Instance normalisation over time with a scale and shift from the style.

    StyleTTS2's has an affine pair of its own too; inference checkpoints hold 1 and 0 there.
    """

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def forward(
        self, x: Tensor, style: Tensor, lengths: Lengths, gain: Tensor | None = None
    ) -> Tensor:
        """`[batch, channels, steps]`, style `[batch, style]`; zeros beyond each length.

        With a `gain` `[channels]` the result is multiplied by it, at no cost.
        """
        gamma, beta = self.fc(style).chunk(2, dim=1)
        scale = 1 + gamma
        if gain is not None:
            scale, beta = gain * scale, gain * beta
        return instance_norm(x, scale, beta, lengths)


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
