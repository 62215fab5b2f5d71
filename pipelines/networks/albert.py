"""ALBERT: BERT whose layers share one set of weights, with narrow embeddings.

Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations", 2020.
Module names are those of the published checkpoints. There is no pooler. Only token type 0 is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.runtime.lengths import Lengths

EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class AlbertConfig:
    """Sizes of an ALBERT; `inner` is the width of its feed-forward layers."""

    vocabulary: int
    embedding: int
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    token_types: int = 2


class Albert(nn.Module):
    """Tokens to the last hidden state."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.embeddings = AlbertEmbeddings(config)
        self.encoder = AlbertEncoder(config)

    def forward(self, tokens: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, tokens]` to `[batch, tokens, width]`. Padding is not attended."""
        attended = lengths.real[:, None, None] if lengths.padded else None
        result: Tensor = self.encoder(self.embeddings(tokens), attended)
        return result


class AlbertEmbeddings(nn.Module):
    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocabulary, config.embedding)
        self.position_embeddings = nn.Embedding(config.positions, config.embedding)
        self.token_type_embeddings = nn.Embedding(config.token_types, config.embedding)
        self.LayerNorm = nn.LayerNorm(config.embedding, EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        words = self.word_embeddings(tokens) + self.token_type_embeddings.weight[0]
        positions = self.position_embeddings.weight[: tokens.shape[1]]
        result: Tensor = self.LayerNorm(words + positions)
        return result


class AlbertEncoder(nn.Module):
    """The same layer `layers` times."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding, config.width)
        self.albert_layer_groups = nn.ModuleList([AlbertGroup(config)])
        self._layers = config.layers

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        x = self.embedding_hidden_mapping_in(x)
        for _ in range(self._layers):
            x = self.albert_layer_groups[0](x, attended)
        return x


class AlbertGroup(nn.Module):
    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.albert_layers = nn.ModuleList([AlbertLayer(config)])

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        for layer in self.albert_layers:
            x = layer(x, attended)
        return x


class AlbertLayer(nn.Module):
    """Self-attention, then a feed-forward network."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.attention = AlbertAttention(config)
        self.ffn = nn.Linear(config.width, config.inner)
        self.ffn_output = nn.Linear(config.inner, config.width)
        self.full_layer_layer_norm = nn.LayerNorm(config.width, EPSILON)

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        x = self.attention(x, attended)
        inner = F.gelu(self.ffn(x), approximate="tanh")
        result: Tensor = self.full_layer_layer_norm(self.ffn_output(inner) + x)
        return result


class AlbertAttention(nn.Module):
    """Self-attention, added to its input and normed."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.dense = nn.Linear(config.width, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, EPSILON)
        self._heads = config.heads

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        """`attended` `[batch, 1, 1, tokens]` is true where a token is real; None where all are."""
        query, key, value = (
            project(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        heads = F.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        result: Tensor = self.LayerNorm(x + self.dense(heads.transpose(1, 2).flatten(2)))
        return result
