"""The noise predictor: a U-Net over the latent with spatial transformers that read the text.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022; the network
of Dhariwal and Nichol, "Diffusion Models Beat GANs on Image Synthesis", 2021. Module names are
those of the published checkpoints.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.makeanaudio.config import UNetConfig

GROUPS = 32


def sinusoids(levels: Tensor, width: int) -> Tensor:
    """Noise levels `[batch]` as cosines, then sines, of falling frequency: `[batch, width]`."""
    half = width // 2
    index = torch.arange(half, dtype=torch.float32, device=levels.device)
    angles = levels.float()[:, None] * torch.exp(-math.log(10000) * index / half)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResBlock(nn.Module):
    """Two convolutions with the noise level added between them."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(GROUPS, channels_in),
            nn.SiLU(),
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, channels_out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(GROUPS, channels_out),
            nn.SiLU(),
            nn.Identity(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
        )
        self.skip_connection: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.skip_connection = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`[batch, channels, height, width]` and `[batch, embedding]`."""
        h = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        result: Tensor = self.skip_connection(x) + self.out_layers(h)
        return result


class Attention(nn.Module):
    """Multi-head attention of tokens to a context, or to themselves."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width))
        self._heads = heads

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`[batch, tokens, width]`, `[batch, length, context]` to `[batch, tokens, width]`."""
        query, key, value = (
            projected.unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for projected in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return result


class GEGLU(nn.Module):
    """Linear layer whose second half of outputs gates the first (Shazeer, 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        result: Tensor = value * F.gelu(gate)
        return result


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        inner = 4 * width
        self.net = nn.Sequential(GEGLU(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.net(x)
        return result


class TransformerBlock(nn.Module):
    """Self-attention, attention to the text, feed-forward, each added to its input."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.attn1 = Attention(width, width, heads)
        self.ff = FeedForward(width)
        self.attn2 = Attention(width, context, heads)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), context)
        result: Tensor = x + self.ff(self.norm3(x))
        return result


class SpatialTransformer(nn.Module):
    """Transformer blocks over the positions of a feature map, row by row."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(width, config.context, config.heads) for _ in range(config.depth)
        )
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`[batch, width, height, columns]` and `[batch, length, context]`."""
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        result: Tensor = x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))
        return result


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.op(x)
        return result


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return result


class Stage(nn.ModuleList):
    """Layers in sequence; some also take the noise level or the text."""

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor) -> Tensor:
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, embedding)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


class UNet(nn.Module):
    """Predicts the noise in a latent, given its level and a text."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self._width = config.width
        embedding = 4 * config.width
        self.time_embed = nn.Sequential(
            nn.Linear(config.width, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        width = config.width
        stages = [Stage([nn.Conv2d(config.channels_in, width, 3, padding=1)])]
        skips = [width]

        def layers(channels_in: int, level: int) -> list[nn.Module]:
            """A residual block to the width of `level`, and its transformer if it has one."""
            channels = config.multipliers[level] * config.width
            attends = 2**level in config.attention_rates
            transformer = [SpatialTransformer(channels, config)] if attends else []
            return [ResBlock(channels_in, channels, embedding), *transformer]

        last = len(config.multipliers) - 1
        for level, multiplier in enumerate(config.multipliers):
            for _ in range(config.blocks):
                stages.append(Stage(layers(width, level)))
                width = multiplier * config.width
                skips.append(width)
            if level != last:
                stages.append(Stage([Downsample(width)]))
                skips.append(width)
        self.input_blocks = nn.ModuleList(stages)

        self.middle_block = Stage(
            [
                ResBlock(width, width, embedding),
                SpatialTransformer(width, config),
                ResBlock(width, width, embedding),
            ]
        )

        stages = []
        for level in range(last, -1, -1):
            for block in range(config.blocks + 1):
                stage = layers(width + skips.pop(), level)
                width = config.multipliers[level] * config.width
                upsample = [Upsample(width)] if level and block == config.blocks else []
                stages.append(Stage([*stage, *upsample]))
        self.output_blocks = nn.ModuleList(stages)
        self.out = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, config.channels_out, 3, padding=1),
        )

    def forward(self, x: Tensor, levels: Tensor, context: Tensor) -> Tensor:
        """Latents `[batch, 4, 10, columns]`, noise levels `[batch]`, texts `[batch, 77, context]`.

        Returns the noise in the shape of the latents. The number of columns must be even.
        """
        embedding = self.time_embed(sinusoids(levels, self._width))
        skips = []
        for stage in self.input_blocks:
            x = stage(x, embedding, context)
            skips.append(x)
        x = self.middle_block(x, embedding, context)
        for stage in self.output_blocks:
            x = stage(torch.cat([x, skips.pop()], dim=1), embedding, context)
        result: Tensor = self.out(x)
        return result
