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

from pipelines.networks.bert import Bert, BertConfig

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


class DescriptionEncoder(nn.Module):
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
