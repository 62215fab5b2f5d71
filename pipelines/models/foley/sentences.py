"""Sentences as unit vectors: MiniLM, the mean of its tokens.

Wang et al., "MiniLM", 2020, trained for sentences as in Reimers and Gurevych, "Sentence-BERT",
2019: texts that mean the same lie near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import BertWordPieceTokenizer

from pipelines.networks.bert import Bert, BertConfig
from pipelines.runtime.device import Runtime
from pipelines.runtime.precision import place
from pipelines.runtime.unfilled import Unfilled
from pipelines.weights.state_dicts import load_strict

MINILM = BertConfig(
    vocabulary=30522,
    width=384,
    layers=6,
    heads=12,
    inner=1536,
    positions=512,
    token_types=2,
    norm_epsilon=1e-12,
)
LONGEST = 128
"""Pieces of words that are read, special ones included."""

Floats = NDArray[np.float32]


class SentenceEncoder:
    """One text at a time and without padding, so that its vector depends on nothing else."""

    def __init__(self, weights: Path, vocabulary: Path, runtime: Runtime) -> None:
        """Raises CheckpointError where the weights do not fit."""
        with torch.device("meta"), Unfilled():
            self._bert = Bert(MINILM)
        load_strict(self._bert, load_file(weights), weights.name)
        place(self._bert, runtime.exact)
        self._device = runtime.device
        self._pieces = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        self._pieces.enable_truncation(LONGEST)

    def __call__(self, texts: Sequence[str]) -> Floats:
        """`[texts, 384]`, of length 1 each."""
        return np.stack([self._encoded(text) for text in texts])

    @torch.inference_mode()
    def _encoded(self, text: str) -> Floats:
        # A lone surrogate is no character and cannot be passed to the tokeniser.
        clean = text.encode("utf-8", "replace").decode()
        ids = torch.tensor([self._pieces.encode(clean).ids], device=self._device)
        vector: Floats = F.normalize(self._bert(ids)[0].mean(dim=0), dim=0).cpu().numpy()
        return vector
