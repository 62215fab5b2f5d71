"""The text encoder: phoneme symbols to the features that the decoder speaks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.styletts2.config import ModelConfig
from pipelines.networks.adain_blocks import SLOPE
from pipelines.networks.norms import ChannelLayerNorm
from pipelines.runtime.lengths import Lengths, run_lstm
from pipelines.runtime.time_convolution import TimeConv


class PhonemeEncoder(nn.Module):
    """Embedding, convolutions, then a bidirectional LSTM."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, kernel = config.hidden, config.encoder_kernel
        self.embedding = nn.Embedding(config.symbols, hidden)
        self.cnn = nn.ModuleList(
            nn.Sequential(
                TimeConv(hidden, hidden, kernel, padding=kernel // 2), ChannelLayerNorm(hidden)
            )
            for _ in range(config.encoder_layers)
        )
        self.lstm = nn.LSTM(hidden, hidden // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, tokens]` to `[batch, hidden, tokens]`, zeros beyond each length."""
        x = lengths.clear(self.embedding(tokens).mT)
        for layer in self.cnn:
            x = lengths.clear(F.leaky_relu(layer(x), SLOPE))
        return run_lstm(self.lstm, x.mT, lengths).mT
