"""The decoder of the autoencoder: latent to mel spectrogram.

Esser, Rombach and Ommer, "Taming Transformers for High-Resolution Image Synthesis", 2021. Module
names are those of the published checkpoints, whose encoder is not used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.makeanaudio.config import DecoderConfig
from pipelines.runtime.attention import attend


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """Two convolutions, each after norm and swish, added to the input."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = group_norm(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.nin_shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.nin_shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, height, width]`."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        result: Tensor = self.nin_shortcut(x) + h
        return result


class AttentionBlock(nn.Module):
    """Attention with one head over all positions, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, height, width]`."""
        normed = self.norm(x)
        query, key, value = (
            project(normed).flatten(2).transpose(1, 2)[:, None]
            for project in (self.q, self.k, self.v)
        )
        attended = attend(query, key, value)[:, 0]
        result: Tensor = x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))
        return result


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return result


class Middle(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels)
        self.attn_1 = AttentionBlock(channels)
        self.block_2 = ResnetBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return result


class Level(nn.Module):
    """The residual blocks of one resolution, each with attention if the level has any."""

    def __init__(
        self, channels_in: int, channels: int, blocks: int, attends: bool, last: bool
    ) -> None:
        super().__init__()
        widths = [channels_in] + [channels] * (blocks - 1)
        self.block = nn.ModuleList(ResnetBlock(width, channels) for width in widths)
        self.attn = nn.ModuleList(AttentionBlock(channels) for _ in widths if attends)
        self.upsample: nn.Module = nn.Identity() if last else Upsample(channels)

    def forward(self, x: Tensor) -> Tensor:
        for index, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[index](x)
        result: Tensor = self.upsample(x)
        return result


class MelDecoder(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        widths = [multiplier * config.width for multiplier in config.multipliers]
        deepest = widths[-1]
        self.conv_in = nn.Conv2d(config.channels_in, deepest, 3, padding=1)
        self.mid = Middle(deepest)
        # `up` counts from the finest resolution, which comes last.
        self.up = nn.ModuleList(
            Level(before, width, config.blocks, level in config.attention_levels, last=level == 0)
            for level, (width, before) in enumerate(
                zip(widths, [*widths[1:], deepest], strict=True)
            )
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], config.channels_out, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
        result: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return result


class LatentDecoder(nn.Module):
    """Latents, in the scale of the autoencoder, to mel spectrograms."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.post_quant_conv = nn.Conv2d(config.latent, config.channels_in, 1)
        self.decoder = MelDecoder(config)

    def forward(self, z: Tensor) -> Tensor:
        """`[batch, 4, 10, columns]` to log10 mel `[batch, 80, 8 * columns]`."""
        z = z.contiguous(memory_format=torch.channels_last)
        mel: Tensor = self.decoder(self.post_quant_conv(z)).squeeze(1)
        return mel
