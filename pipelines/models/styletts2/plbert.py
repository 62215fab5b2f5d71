"""PL-BERT: an ALBERT over phoneme symbols (Li et al., 2023)."""

from __future__ import annotations

from pipelines.models.styletts2.config import ModelConfig
from pipelines.networks.albert import Albert, AlbertConfig


def plbert(config: ModelConfig) -> Albert:
    """The model with StyleTTS2's sizes."""
    bert = config.bert
    return Albert(
        AlbertConfig(
            vocabulary=config.symbols,
            embedding=bert.embedding,
            width=bert.hidden,
            layers=bert.layers,
            heads=bert.heads,
            inner=bert.intermediate,
            positions=bert.positions,
        )
    )
