"""Velocity estimator of Seed-VC: a transformer with U-Net skips over mel frames.

Frames of all sequences are packed along one axis (`pipelines.runtime.sequence_packing`). Names
follow the official checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.seedvc.config import DiTConfig
from pipelines.models.seedvc.wavenet import WaveNet
from pipelines.runtime.attention import attend_packed
from pipelines.runtime.sequence_packing import Packing

TIME_FREQUENCIES = 128
TIME_SCALE = 1000.0
LONGEST_PERIOD = 10000.0


def _rotation(positions: Tensor, size: int) -> Tensor:
    """Rotary factors of heads of `size`, complex: `[frames, 1, 1, size / 2]`."""
    pairs = torch.arange(0, size, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None].float() * LONGEST_PERIOD ** (-pairs / size)
    return torch.polar(torch.ones_like(angles), angles)[:, None, None]


def _rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Rotary position embedding of neighbouring pairs: `[frames, …, heads, size]`."""
    pairs = torch.view_as_complex(heads.float().view(*heads.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(heads.dtype)


class TimeEmbedding(nn.Module):
    """Flow time in [0, 1] `[sequences]` to `[sequences, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * TIME_FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, time: Tensor) -> Tensor:
        index = torch.arange(TIME_FREQUENCIES, device=time.device, dtype=torch.float32)
        frequencies = torch.exp(-math.log(LONGEST_PERIOD) * index / TIME_FREQUENCIES)
        angles = TIME_SCALE * time[:, None] * frequencies
        embedding: Tensor = self.mlp(torch.cat([angles.cos(), angles.sin()], dim=-1))
        return embedding


class AdaptiveNorm(nn.Module):
    """Root-mean-square norm, scaled (no 1 is added) and shifted by the time embedding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.project_layer = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, time: Tensor, packing: Packing) -> Tensor:
        return packing.modulate(self.norm(x), self.project_layer(time).float())


class Attention(nn.Module):
    """Every frame attends to all frames of its own sequence."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wqkv = nn.Linear(width, 3 * width, bias=False)
        self.wo = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, rotation: Tensor, packing: Packing) -> Tensor:
        projected = self.wqkv(x).view(len(x), 3, self.heads, -1)
        rotated = _rotate(projected[:, :2], rotation)
        heads = attend_packed(rotated, projected[:, 2], packing)
        attended: Tensor = self.wo(heads.flatten(1))
        return attended


class FeedForward(nn.Module):
    """Gated linear unit with SiLU (Shazeer, 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.w2(F.silu(self.w1(x)).mul_(self.w3(x)))
        return y


class Block(nn.Module):
    """One layer; those of the upper half also take the output of their mirror image."""

    def __init__(self, config: DiTConfig, *, skip: bool) -> None:
        super().__init__()
        self.attention_norm = AdaptiveNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.ffn_norm = AdaptiveNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.inner_width)
        if skip:
            self.skip_in_linear = nn.Linear(2 * config.width, config.width)

    def forward(
        self, x: Tensor, time: Tensor, rotation: Tensor, packing: Packing, skip: Tensor | None
    ) -> Tensor:
        if skip is not None:
            x = self.skip_in_linear(torch.cat([x, skip], dim=-1)).float()
        attended: Tensor = self.attention(self.attention_norm(x, time, packing), rotation, packing)
        x = x + attended
        refined: Tensor = self.feed_forward(self.ffn_norm(x, time, packing))
        return x + refined


class Transformer(nn.Module):
    """Layers 0 to depth // 2 - 1 hand their outputs to the last ones, last in, first out."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.middle = config.depth // 2
        self.head_size = config.width // config.heads
        self.layers = nn.ModuleList(
            Block(config, skip=layer > self.middle) for layer in range(config.depth)
        )
        self.norm = AdaptiveNorm(config.width)

    def forward(self, x: Tensor, time: Tensor, packing: Packing) -> Tensor:
        positions = packing.positions
        rotation = packing.once("rotation", lambda: _rotation(positions, self.head_size))
        skips: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            skip = skips.pop() if number > self.middle else None
            x = layer(x, time, rotation, packing, skip)
            if number < self.middle:
                skips.append(x)
        normed: Tensor = self.norm(x, time, packing)
        return normed


class FinalLayer(nn.Module):
    """Layer norm modulated by the time embedding (shift first, scale with 1 added), projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, time: Tensor, packing: Packing) -> Tensor:
        shift, scale = self.adaLN_modulation(time).float().chunk(2, dim=-1)
        normed = F.layer_norm(x.float(), x.shape[-1:], eps=1e-6)
        vectors = torch.cat([1 + scale, shift], dim=-1)
        y: Tensor = self.linear(packing.modulate(normed, vectors))
        return y


class SplitLinear(nn.Linear):
    """A linear layer over concatenated inputs, applied to each input by itself."""

    def columns(self, sizes: Sequence[int]) -> Sequence[Tensor]:
        """The weights of each input."""
        return self.weight.split_with_sizes(sizes, dim=1)


class VelocityEstimator(nn.Module):
    """Noisy mel frames and their conditioning to the velocity of the flow."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width, bands = config.width, config.bands
        self.cond_projection = nn.Linear(config.content, width)
        self.cond_x_merge_linear = SplitLinear(2 * bands + width + config.style, width)
        self.t_embedder = TimeEmbedding(width)
        self.transformer = Transformer(config)
        if config.long_skip:
            self.skip_linear = nn.Linear(width + bands, width)
        if config.wavenet is None:
            self.final_mlp = nn.Sequential(
                nn.Linear(width, width), nn.SiLU(), nn.Linear(width, bands)
            )
        else:
            self.t_embedder2 = TimeEmbedding(width)
            self.conv1 = nn.Linear(width, width)
            self.wavenet = WaveNet(width, config.wavenet)
            self.res_projection = nn.Linear(width, width)
            self.final_layer = FinalLayer(width)
            self.conv2 = nn.Conv1d(width, bands, 1)

    def condition(self, prompt: Tensor, style: Tensor, content: Tensor) -> Tensor:
        """All that enters the first layer but the noisy frames, the same in every step.

        `prompt` `[frames, bands]` (zero after the reference), `style` `[style]` and `content`
        `[frames, content]` to `[frames, width]`.
        """
        _, for_prompt, for_content, for_style = self._merge_weights()
        merged = F.linear(self.cond_projection(content), for_content, self.cond_x_merge_linear.bias)
        prompted, styled = F.linear(prompt, for_prompt), F.linear(style, for_style)
        return merged.float() + prompted + styled

    def null_condition(self) -> Tensor:
        """The same without reference, style or content: `[1, width]`."""
        config, like = self.config, self.cond_x_merge_linear.weight
        return self.condition(
            like.new_zeros(1, config.bands),
            like.new_zeros(config.style),
            like.new_zeros(1, config.content),
        )

    def _merge_weights(self) -> Sequence[Tensor]:
        """The columns of the merging layer for noisy frames, prompt, content and style."""
        config = self.config
        sizes = [config.bands, config.bands, config.width, config.style]
        return self.cond_x_merge_linear.columns(sizes)

    def forward(self, x: Tensor, condition: Tensor, time: Tensor, packing: Packing) -> Tensor:
        """`x` `[frames, bands]`, `condition` `[frames, width]`, `time` `[sequences]` in [0, 1] to
        the velocity `[frames, bands]`."""
        merged = F.linear(x, self._merge_weights()[0]) + condition
        embedded = self.t_embedder(time)
        y = self.transformer(merged, embedded, packing)
        if self.config.long_skip:
            y = self.skip_linear(torch.cat([y, x], dim=-1))
        if self.config.wavenet is None:
            velocity: Tensor = self.final_mlp(y)
            return velocity
        gates = self.wavenet.gates(self.t_embedder2(time))
        return self._wavenet_head(y, embedded, gates, packing)

    def _wavenet_head(self, y: Tensor, time: Tensor, gates: Tensor, packing: Packing) -> Tensor:
        waves = self.wavenet.packed(self.conv1(y), gates, packing)
        final = self.final_layer(waves + self.res_projection(y), time, packing)
        return F.linear(final, self.conv2.weight[..., 0], self.conv2.bias)
