"""Normalisations whose scale and shift come from a style, aware of each member's length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.runtime.device import in_blocks
from pipelines.runtime.lengths import Lengths
from pipelines.threads import one_thread_each

EPSILON = 1e-5
BLOCK = 4096


def instance_norm(x: Tensor, scale: Tensor, shift: Tensor, lengths: Lengths) -> Tensor:
    """`scale · (x − mean) / √(variance + ε) + shift` over each member's real frames.

    `x` is `[batch, channels, frames]`, `scale` and `shift` `[batch, channels]`; the variance is the
    biased one, computed in float32 for every type of `x`. Zeros beyond each length.
    """
    if not in_blocks(x):
        return _batch_normed(x, scale[..., None], shift[..., None], lengths)
    if len(x) == 1:
        return _normed(x, scale[0], shift[0])
    y = torch.zeros_like(x)
    for i, frames in enumerate(lengths.values):
        y[i, :, :frames] = _normed(x[i : i + 1, :, :frames], scale[i], shift[i])[0]
    return y


def _batch_normed(x: Tensor, scale: Tensor, shift: Tensor, lengths: Lengths) -> Tensor:
    """All members at once, `scale` and `shift` `[batch, channels, 1]`: mean, then variance."""
    wide = x.float()
    if lengths.padded:
        mean = (wide * lengths.share).sum(2, keepdim=True)
        away = wide - mean
        variance = away.square() @ lengths.share.mT
    else:
        variance, mean = torch.var_mean(wide, 2, correction=0, keepdim=True)
        away = wide - mean
    gain = scale * (variance + EPSILON).rsqrt()
    return lengths.clear(torch.addcmul(shift, away, gain).to(x.dtype))


def _normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """One member, `[1, channels, frames]`, by the moments that `_moments` gives."""
    mean, variance = _moments(x)
    normed = F.batch_norm(x[:, :, None], mean, variance, scale, shift, eps=EPSILON)
    return normed[:, :, 0]


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of `[1, channels, frames]`, float32.

    From the moments of blocks that stay in the cache: the sums of a whole minute would lose digits.
    """
    blocks = torch.split(x[:, :, None], BLOCK, dim=3)

    def measure(block: Tensor) -> tuple[Tensor, Tensor]:
        # Running moments, which are not wanted: their type is that of the results.
        unwanted = torch.zeros(2, x.shape[1], device=x.device)
        return torch.batch_norm_update_stats(block, unwanted[0], unwanted[1], 0.0)

    moments = one_thread_each(measure, blocks)
    means, variances = zip(*moments, strict=True)
    if len(blocks) == 1:
        return means[0], variances[0]
    share = (
        torch.tensor([block.shape[3] for block in blocks], device=x.device)[:, None] / x.shape[2]
    )
    between = torch.stack(means)
    mean = (share * between).sum(0)
    within = torch.stack(variances) + (between - mean).square()
    return mean, (share * within).sum(0)


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
        """`[batch, channels, frames]`, style `[batch, style]`; zeros beyond each length.

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
        """`x` `[batch, frames, channels]`, style `[batch, style]`."""
        gamma, beta = self.fc(style)[:, None].chunk(2, dim=2)
        return torch.addcmul(beta, 1 + gamma, F.layer_norm(x, (self.channels,), eps=EPSILON))


class ChannelLayerNorm(nn.Module):
    """Layer normalisation over the channels of `[batch, channels, frames]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.mT, (x.shape[1],), self.gamma, self.beta, EPSILON)
        return normed.mT
