"""The noise predictor of the small model: a transformer over the columns of the latent.

A column is an eighth of a second over all frequencies, so that one token sees a whole spectrum.
For as much arithmetic this learns several times faster than a U-Net that begins with neighbouring
bands, which is what training on a CPU needs. Noise level and sentence shift, scale and gate every
layer (Peebles and Xie, "Scalable Diffusion Models with Transformers", 2023); every second layer
also attends to the words. Positions are rotations (Su et al., "RoFormer", 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.makeanaudio.request import LATENT_HEIGHT
from pipelines.makeanaudio.unet import Attention, sinusoids


@dataclass(frozen=True, slots=True)
class DenoiserConfig:
    """`context` is the width of the text's vectors, `channels` that of the latent."""

    channels: int
    width: int
    layers: int
    heads: int
    context: int
    kernel: int = 5
    """Columns that the convolution of each layer sees."""


def rotations(tokens: int, size: int, device: torch.device) -> Tensor:
    """Cosines and sines of each position's angles, `[2, tokens, size / 2]`."""
    index = torch.arange(size // 2, device=device, dtype=torch.float32)
    rates = 1.0 / 1000 ** (2 * index / size)
    angles = torch.arange(tokens, device=device)[:, None] * rates
    return torch.stack([angles.cos(), angles.sin()])


def rotated(x: Tensor, turns: Tensor) -> Tensor:
    """Pairs of numbers turned by their position's angle: `[..., tokens, size]` to the same."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = turns.to(x.dtype)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self._heads = heads

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        """`[batch, tokens, width]` to the same."""
        batch, tokens, width = x.shape
        parts = self.qkv(x).view(batch, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        attended = F.scaled_dot_product_attention(rotated(query, turns), rotated(key, turns), value)
        result: Tensor = self.out(attended.transpose(1, 2).reshape(batch, tokens, width))
        return result


class Layer(nn.Module):
    def __init__(self, config: DenoiserConfig, reads: bool) -> None:
        super().__init__()
        width = config.width
        padding = config.kernel // 2
        self.local = nn.Conv1d(width, width, config.kernel, padding=padding, groups=width)
        self.attention = SelfAttention(width, config.heads)
        self.words = Attention(width, config.context, config.heads) if reads else None
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.condition = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, condition: Tensor, text: Tensor, turns: Tensor) -> Tensor:
        """`[batch, tokens, width]`, `[batch, width]`, `[batch, length, context]`."""
        shift, scale, gate, shift2, scale2, gate2 = self.condition(condition)[:, None].chunk(6, -1)
        x = x + self.local(x.mT).mT
        x = x + gate * self.attention(_normed(x, shift, scale), turns)
        if self.words is not None:
            x = x + self.words(F.layer_norm(x, x.shape[-1:]), text)
        inner = F.gelu(self.up(_normed(x, shift2, scale2)))
        result: Tensor = x + gate2 * self.down(inner)
        return result


class ColumnDenoiser(nn.Module):
    """Predicts the noise in a latent, given its level and a text."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self._width, self._head = config.width, config.width // config.heads
        column = config.channels * LATENT_HEIGHT
        self.embed = nn.Linear(column, config.width)
        self.level = nn.Sequential(
            nn.Linear(config.width, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
        )
        self.sentence = nn.Linear(config.context, config.width)
        self.layers = nn.ModuleList(
            Layer(config, reads=index % 2 == 0) for index in range(config.layers)
        )
        self.last = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, column)

    def forward(self, x: Tensor, levels: Tensor, context: Tensor) -> Tensor:
        """Latents `[batch, channels, 10, columns]`, noise levels `[batch]`, texts
        `[batch, 40, context]`, of which the first vector stands for the sentence.

        Returns the noise in the shape of the latents.
        """
        batch, channels, rows, columns = x.shape
        sentence = self.sentence(context[:, 0])
        condition = F.silu(self.level(sinusoids(levels, self._width)) + sentence)
        tokens = self.embed(x.permute(0, 3, 1, 2).flatten(2))
        # The sentence comes first: where it is the sound begins.
        tokens = torch.cat([sentence[:, None], tokens], dim=1)
        turns = rotations(tokens.shape[1], self._head, x.device)
        for layer in self.layers:
            tokens = layer(tokens, condition, context, turns)
        shift, scale = self.last(condition)[:, None].chunk(2, -1)
        noise: Tensor = self.out(_normed(tokens[:, 1:], shift, scale))
        return noise.view(batch, columns, channels, rows).permute(0, 2, 3, 1)


def _normed(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
