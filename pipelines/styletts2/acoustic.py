"""The acoustic half of a StyleTTS2 model: from phoneme symbols to what a decoder speaks."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from pipelines.lengths import Lengths
from pipelines.styletts2.alignment import align, frame_counts
from pipelines.styletts2.config import ModelConfig
from pipelines.styletts2.plbert import encode, plbert
from pipelines.styletts2.prosody import ProsodyPredictor
from pipelines.styletts2.text_encoder import TextEncoder


class Features(NamedTuple):
    """A padded batch for the decoder. `lengths` counts alignment frames of 25 ms."""

    asr: Tensor
    """Text features laid out over time, `[batch, hidden, frames]`."""
    f0: Tensor
    """`[batch, 2 · frames]`, Hz."""
    energy: Tensor
    """`[batch, 2 · frames]`."""
    lengths: Lengths


class AcousticModel(nn.Module):
    """PL-BERT, text encoder and prosody predictor. Fields are named as in checkpoints."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.bert = plbert(config)
        self.bert_encoder = nn.Linear(config.bert.hidden, config.hidden)
        self.text_encoder = TextEncoder(config)
        self.predictor = ProsodyPredictor(config)

    def forward(
        self, tokens: Tensor, prosody: Tensor, speeds: Tensor, lengths: Lengths
    ) -> Features:
        """`tokens` `[batch, tokens]`, prosody style `[batch, style]`, `speeds` `[batch]`."""
        text = self.bert_encoder(encode(self.bert, tokens, lengths))
        features, logits = self.predictor.durations(text, prosody, lengths)
        frames = frame_counts(logits, speeds, lengths)
        aligned, spans = align(features, frames)
        f0, energy = self.predictor.contours(aligned, prosody, spans)
        asr, _ = align(self.text_encoder(tokens, lengths), frames)
        return Features(asr, f0, energy, spans)
