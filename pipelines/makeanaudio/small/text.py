"""Text conditioning of the small model: MiniLM, read without padding.

Wang et al., "MiniLM", 2020, trained for sentences as in Reimers and Gurevych, "Sentence-BERT",
2019: the mean of its vectors places a text near others that mean the same. The small model takes
that mean first and the vectors of the tokens after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn

from pipelines.makeanaudio.config import BertConfig
from pipelines.makeanaudio.text_encoder import Bert, Projection

POSITIONS = 40
"""Vectors of every text: the mean, and up to 39 tokens."""


class Sentences:
    """Uncased WordPiece: `[CLS]`, pieces and `[SEP]`, cut but not padded."""

    def __init__(self, vocabulary: Path) -> None:
        self._pieces = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        self._pieces.enable_truncation(POSITIONS - 1)

    def __call__(self, text: str) -> Tensor:
        """Ids `[1, tokens]`."""
        # A lone surrogate is no character and cannot be passed to the tokeniser.
        clean = text.encode("utf-8", "replace").decode()
        return torch.tensor([self._pieces.encode(clean).ids])


def read(bert: Bert, ids: Tensor) -> Tensor:
    """Ids `[1, tokens]` to `[40, width]`: the mean as a unit vector, the tokens, zeros."""
    tokens = bert(ids)[0]
    mean = F.normalize(tokens.mean(dim=0), dim=0) * tokens.shape[1] ** 0.5
    return F.pad(torch.cat([mean[None], tokens]), (0, 0, 0, POSITIONS - 1 - len(tokens)))


class SentenceEncoder(nn.Module):
    """Texts to the vectors that the diffusion network attends to."""

    def __init__(self, config: BertConfig, context: int, vocabulary: Path) -> None:
        super().__init__()
        self.base = Bert(config)
        self.projection = Projection(config.width, context)
        self._tokenise = Sentences(vocabulary)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """`[texts, 40, context]`. One text at a time: none is changed by another's length."""
        device = self.projection.linear1.weight.device
        vectors = [read(self.base, self._tokenise(text).to(device)) for text in texts]
        result: Tensor = self.projection(torch.stack(vectors))
        return result
