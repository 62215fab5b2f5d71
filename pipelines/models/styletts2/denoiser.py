"""The transformer that denoises a style, given what is to be said and, with many speakers, by whom.

After StyleTTS2 (Li et al., 2023): the style is repeated over the text and refined by attention.
"""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.styletts2.config import ModelConfig, StyleDenoiserConfig
from pipelines.networks.norms import EPSILON, AdaLayerNorm
from pipelines.runtime.lengths import Lengths


class FourierFeatures(nn.Module):
    """A number c as `[c, sin 2πcw, cos 2πcw]` with learned frequencies w."""

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(frequencies))

    def forward(self, c: Tensor) -> Tensor:
        """`[batch]` to `[batch, 1 + 2 · frequencies]`."""
        angles = 2 * pi * c[:, None] * self.weights
        return torch.cat([c[:, None], angles.sin(), angles.cos()], dim=1)


class PlainLayerNorm(nn.LayerNorm):
    """The layer norm of a single speaker, which no style changes."""

    def forward(self, x: Tensor, _style: Tensor | None = None) -> Tensor:
        return super().forward(x)


class SoftmaxAttention(nn.Module):
    """Attention without positions; every token attends to all real ones."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_out = nn.Linear(inner, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, tokens, inner]` each to `[batch, tokens, width]`."""
        batch, tokens, _ = query.shape
        query, key, value = (
            x.view(batch, tokens, self.heads, -1).transpose(1, 2) for x in (query, key, value)
        )
        mask = lengths.real[:, None, None] if lengths.padded else None
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.to_out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Attention whose queries see one norm of the input, keys and values another."""

    def __init__(self, width: int, config: StyleDenoiserConfig, style: int | None) -> None:
        super().__init__()
        inner = config.heads * config.head_features
        self.norm = _norm(width, style)
        self.norm_context = _norm(width, style)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.attention = SoftmaxAttention(width, inner, config.heads)

    def forward(self, x: Tensor, style: Tensor | None, lengths: Lengths) -> Tensor:
        key, value = self.to_kv(self.norm_context(x, style)).chunk(2, dim=2)
        query = self.to_q(self.norm(x, style))
        return self.attention(query, key, value, lengths)  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, width: int, config: StyleDenoiserConfig, style: int | None) -> None:
        super().__init__()
        self.attention = SelfAttention(width, config, style)
        inner = config.multiplier * width
        self.feed_forward = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width)
        )

    def forward(self, x: Tensor, style: Tensor | None, lengths: Lengths) -> Tensor:
        x = x + self.attention(x, style, lengths)
        return x + self.feed_forward(x)  # type: ignore[no-any-return]


class FixedEmbedding(nn.Module):
    """What stands for the text where the prediction must not depend on it."""

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(positions, width)

    def forward(self, tokens: int) -> Tensor:
        """`[tokens, width]`."""
        return self.embedding.weight[:tokens]


class StyleDenoiser(nn.Module):
    """Fields are named as in checkpoints."""

    def __init__(self, config: ModelConfig, denoiser: StyleDenoiserConfig) -> None:
        super().__init__()
        self.sigma_data = denoiser.sigma_data
        styles, text = 2 * config.style, config.bert.hidden
        width = styles + text
        style = styles if config.multispeaker else None
        self.blocks = nn.ModuleList(Block(width, denoiser, style) for _ in range(denoiser.layers))
        self.to_time = nn.Sequential(
            nn.Sequential(FourierFeatures(config.style), nn.Linear(1 + styles, width)), nn.GELU()
        )
        if config.multispeaker:
            self.to_features = nn.Sequential(nn.Linear(styles, width), nn.GELU())
        self.to_mapping = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.to_out = nn.ModuleDict({"1": nn.Conv1d(width, styles, 1)})
        self.fixed_embedding = FixedEmbedding(config.bert.positions, text)

    def forward(
        self, x: Tensor, level: Tensor, text: Tensor, style: Tensor | None, lengths: Lengths
    ) -> Tensor:
        """`x` `[batch, 2 · style]` at noise levels `[batch]`, to the same shape.

        `text` `[batch, tokens, text]` is PL-BERT's output or the fixed embedding, `lengths` counts
        its tokens. `style` `[batch, 2 · style]` is that of the speaker, for many speakers only.
        """
        mapping = self.to_time(level)
        if style is not None:
            mapping = mapping + self.to_features(style)
        mapping = self.to_mapping(mapping)[:, None]
        h = torch.cat([x[:, None].expand(-1, text.shape[1], -1), text], dim=2)
        for block in self.blocks:
            h = block(h + mapping, style, lengths)
        mean = lengths.clear(h.mT).sum(2, keepdim=True) / lengths.tensor[:, None, None]
        return self.to_out["1"](mean)[..., 0]  # type: ignore[no-any-return]


def _norm(width: int, style: int | None) -> nn.Module:
    if style is None:
        return PlainLayerNorm(width, eps=EPSILON)
    return AdaLayerNorm(style, width)
