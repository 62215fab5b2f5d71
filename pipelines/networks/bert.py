"""BERT without a mask: one sequence of tokens to one vector for each token.

Devlin et al., "BERT", 2019. Module names are those of the published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class BertConfig:
    """Sizes of a BERT; `inner` is the width of its feed-forward layers."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    token_types: int
    norm_epsilon: float


class Bert(nn.Module):
    """BERT to its last hidden state, without a mask and with token type 0."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)

    def forward(self, ids: Tensor) -> Tensor:
        """`[batch, tokens]` to `[batch, tokens, width]`."""
        result: Tensor = self.encoder(self.embeddings(ids))
        return result


class BertEmbeddings(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocabulary, config.width)
        self.position_embeddings = nn.Embedding(config.positions, config.width)
        self.token_type_embeddings = nn.Embedding(config.token_types, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, config.norm_epsilon)

    def forward(self, ids: Tensor) -> Tensor:
        words = self.word_embeddings(ids) + self.token_type_embeddings.weight[0]
        positions = self.position_embeddings.weight[: ids.shape[1]]
        result: Tensor = self.LayerNorm(words + positions)
        return result


class BertEncoder(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config) for _ in range(config.layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layer:
            x = layer(x)
        return x


class BertLayer(nn.Module):
    """Self-attention, then a feed-forward network."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config.inner, config)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x)
        result: Tensor = self.output(self.intermediate(x), x)
        return result


class BertAttention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = BertSelfAttention(config)
        self.output = BertOutput(config.width, config)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.self(x), x)
        return result


class BertSelfAttention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self._heads = config.heads

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            project(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class BertIntermediate(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.width, config.inner)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class BertOutput(nn.Module):
    """Linear layer back to the width of the model, added to the residual and normed."""

    def __init__(self, width_in: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, config.norm_epsilon)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        result: Tensor = self.LayerNorm(self.dense(x) + residual)
        return result
