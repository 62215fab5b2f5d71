"""The network of the small model's diffusion: a transformer over the columns of the latent.

A column is an eighth of a second over all frequencies, so that one token sees a whole spectrum.
For as much arithmetic this learns several times faster than a U-Net that begins with neighbouring
bands, which is what training on a CPU needs. Noise level and condition shift, scale and gate every
layer (Peebles and Xie, "Scalable Diffusion Models with Transformers", 2023). Positions are
rotations (Su et al., "RoFormer", 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.makeanaudio.config import ScheduleConfig
from pipelines.models.makeanaudio.ddim import remaining_signal
from pipelines.models.makeanaudio.unet import sinusoids
from pipelines.models.makeanaudio_small.prior import ColumnPrior
from pipelines.models.makeanaudio_small.rows import columns_of, latent_of
from pipelines.requests.sound import LATENT_HEIGHT


@dataclass(frozen=True, slots=True)
class ColumnDenoiserConfig:
    """`context` is the width of the conditions, `channels` that of the latent."""

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
    def __init__(self, config: ColumnDenoiserConfig) -> None:
        super().__init__()
        width = config.width
        padding = config.kernel // 2
        self.local = nn.Conv1d(width, width, config.kernel, padding=padding, groups=width)
        self.attention = SelfAttention(width, config.heads)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.condition = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, condition: Tensor, turns: Tensor) -> Tensor:
        """`[batch, tokens, width]`, `[batch, width]`."""
        shift, scale, gate, shift2, scale2, gate2 = self.condition(condition)[:, None].chunk(6, -1)
        x = x + self.local(x.mT).mT
        x = x + gate * self.attention(_normed(x, shift, scale), turns)
        inner = F.gelu(self.up(_normed(x, shift2, scale2)))
        result: Tensor = x + gate2 * self.down(inner)
        return result


class ColumnDenoiser(nn.Module):
    """Predicts the noise in a latent, given its level and the condition of the sound.

    What is learned is the velocity v = √ᾱ ε - √(1-ᾱ) x₀ (Salimans and Ho, "Progressive
    Distillation for Fast Sampling of Diffusion Models", 2022), of one size at every level: to find
    the noise itself in almost pure noise says nothing of the sound. The layers add to what the
    prior finds.
    """

    def __init__(self, config: ColumnDenoiserConfig, schedule: ScheduleConfig) -> None:
        super().__init__()
        self._width, self._head = config.width, config.width // config.heads
        column = config.channels * LATENT_HEIGHT
        self.prior = ColumnPrior(column)
        self.embed = nn.Linear(column, config.width)
        self.embed_prior = nn.Linear(column, config.width)
        self.level = nn.Sequential(
            nn.Linear(config.width, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
        )
        self.told = nn.Linear(config.context, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.last = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, column)
        self.signal: Tensor
        # The loader replaces what lies on the device "meta", but only what is in the file.
        with torch.device("cpu"):
            signal = remaining_signal(schedule)
        self.register_buffer("signal", signal, persistent=False)

    def forward(self, x: Tensor, levels: Tensor, context: Tensor) -> Tensor:
        """Latents `[batch, channels, 10, columns]`, noise levels `[batch]`, conditions
        `[batch, 1, context]`. Returns the noise in the shape of the latents."""
        signal = self.signal[levels][:, None, None, None]
        velocity = self.velocity(x, levels, context).float()
        noise: Tensor = signal.sqrt() * velocity + (1 - signal).sqrt() * x
        return noise

    def velocity(self, x: Tensor, levels: Tensor, context: Tensor) -> Tensor:
        """The same, of the velocity."""
        expected = self.prior(x, self.signal[levels], context[:, 0])
        condition = self.told(context[:, 0])
        modulation = F.silu(self.level(sinusoids(levels, self._width)) + condition)
        tokens = self.embed(columns_of(x)) + self.embed_prior(columns_of(expected))
        # One token more stands where the sound begins.
        tokens = torch.cat([condition[:, None], tokens], dim=1)
        turns = rotations(tokens.shape[1], self._head, x.device)
        for layer in self.layers:
            tokens = layer(tokens, modulation, turns)
        shift, scale = self.last(modulation)[:, None].chunk(2, -1)
        found: Tensor = self.out(_normed(tokens[:, 1:], shift, scale))
        velocity: Tensor = expected + latent_of(found, x.shape[1])
        return velocity


def _normed(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
