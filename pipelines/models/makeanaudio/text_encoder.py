"""Text conditioning: WordPiece, BERT and a projection of every token.

The model was trained without an attention mask, so padding attends and is attended to: a text
always has all 77 positions. Devlin et al., "BERT", 2019; the projection is that of Elizalde et al.,
"CLAP: Learning Audio Concepts from Natural Language Supervision", 2023. Module names are those of
the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn

from pipelines.models.makeanaudio.config import BertConfig

TOKENS = 77
"""Positions of every text, special tokens and padding included."""


class Tokenizer:
    """Uncased WordPiece: `[CLS]`, pieces and `[SEP]`, cut and padded to 77 ids."""

    def __init__(self, vocabulary: Path) -> None:
        self._pieces = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        padding = self._pieces.token_to_id("[PAD]")
        self._pieces.enable_truncation(TOKENS)
        self._pieces.enable_padding(length=TOKENS, pad_id=padding, pad_token="[PAD]")  # noqa: S106

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Ids `[texts, 77]`."""
        # A lone surrogate is no character and cannot be passed to the tokeniser.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return torch.tensor([encoding.ids for encoding in self._pieces.encode_batch(clean)])


class TextEncoder(nn.Module):
    """Token ids to the vectors that the diffusion network attends to."""

    def __init__(self, config: BertConfig, context: int) -> None:
        super().__init__()
        self.base = Bert(config)
        self.projection = Projection(config.width, context)

    def forward(self, ids: Tensor) -> Tensor:
        """`[batch, 77]` to `[batch, 77, context]`."""
        result: Tensor = self.projection(self.base(ids))
        return result


class Projection(nn.Module):
    """Two linear layers with a residual connection round the second."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, context, bias=False)
        self.linear2 = nn.Linear(context, context, bias=False)
        self.layer_norm = nn.LayerNorm(context)

    def forward(self, x: Tensor) -> Tensor:
        first = self.linear1(x)
        result: Tensor = self.layer_norm(first + self.linear2(F.gelu(first)))
        return result


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
